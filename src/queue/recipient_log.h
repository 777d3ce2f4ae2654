/*
 * The logs in defer/, bounce/ and trace/: what became of recipients, one
 * block of "name=value" lines each, with an old-style line for older tools
 * before it (formats 1.8). Written by bounce, read by bounce and showq.
 */
#ifndef QUEUE_RECIPIENT_LOG_H
#define QUEUE_RECIPIENT_LOG_H

#include "util/arena.h"
#include "util/attributes.h"
#include "util/buf.h"
#include "util/fail.h"

#include <sys/types.h>

/* Texts are never NULL when read; NULL or "" = not there when written. */
struct recipient_log_entry {
    const char *recipient; /* external (quoted) form; "" = null address */
    const char *original;  /* when different */
    long offset;           /* of its R record; 0 = unknown */
    const char *dsn_orig_rcpt;
    int notify;
    const char *status; /* "4.4.1" */
    const char *action; /* "delayed", "failed", ... */
    const char *diag_type, *diag_text;
    const char *mta_type, *mta_name;
    const char *reason;
};

/* Append the block of an entry to b; old_style = backwards_bounce_logfile_compatibility.
 */
void recipient_log_format(struct buf *b, const struct recipient_log_entry *entry,
                          bool old_style);

/*
 * Read the next entry from *rest, the content of a log, and advance it.
 * defaults gives status and action for entries that have only the old-style
 * line ("4.0.0"/"delayed" in defer/, "5.0.0"/"failed" in bounce/). false = no
 * more. Texts live in arena. Lines that make no sense are skipped.
 */
bool recipient_log_next(struct str *rest, const char *default_status,
                        const char *default_action, struct arena *arena,
                        struct recipient_log_entry *ret);

#endif
