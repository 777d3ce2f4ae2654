/*
 * Ends a process that makes no progress for $daemon_timeout. Costs no system
 * call while work goes on: a timer signal now and then compares a counter.
 */
#ifndef SERVICE_WATCHDOG_H
#define SERVICE_WATCHDOG_H

#include <stdbool.h>

/* Start, for this process. limit: seconds. */
void watchdog_start(int limit);
/* Something was done. */
void watchdog_progress(void);
/* Waiting for work is no lack of progress. */
void watchdog_rest(bool resting);

#endif
