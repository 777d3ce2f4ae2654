/* The peaks as log lines, which monitoring tools read. */
#ifndef ANVIL_STATISTICS_H
#define ANVIL_STATISTICS_H

#include "anvil/counters.h"
#include "util/buf.h"

/* One line for each kind of event that happened; window: $anvil_rate_time_unit, seconds.
 */
void statistics_log(const struct counters *counters, int window);
/* "statistics: max connection rate 3/60s for (smtp:192.0.2.1) at Nov 21 09:05:11" */
void statistics_add_rate(struct buf *out, const char *what, struct peak peak, int window);

#endif
