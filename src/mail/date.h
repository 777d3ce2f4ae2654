/*
 * Dates as mail writes them. The time zone is read once a process, at the
 * first call (or date_zone_reload); no call looks at /etc/localtime.
 */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include "util/arena.h"
#include "util/buf.h"

#include <time.h>

/* "Fri, 06 Nov 2026 09:05:01 +0100 (CET)", local time (RFC 5322 section 3.3). */
void date_add_header(struct buf *out, time_t when);
/* "Fri Nov  6 09:05:01 2026", local time, as asctime(3) without its line end: From_
 * lines, listings. */
void date_add_asctime(struct buf *out, time_t when);
/* "20261106080501", UTC: Message-Id. */
void date_add_utc_digits(struct buf *out, time_t when);
/* "Nov 06 09:05:01", local time: log files. */
void date_add_log(struct buf *out, time_t when);
const char *date_log_text(struct arena *arena, time_t when);

/* Read the zone again, at reload. */
void date_zone_reload(void);

#endif
