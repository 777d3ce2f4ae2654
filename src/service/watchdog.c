/*
 * The watchdog. A signal handler has no argument, so this is one of the few
 * places with state of the process; it is written here only.
 */
#include "service/watchdog.h"

#include "util/log.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { TICKS_A_LIMIT = 3, LAST_WORDS = 10 };

static volatile sig_atomic_t progress, progress_seen, ticks_stalled, at_rest, limit_given;

static void tick(int number)
{
    (void)number;
    if (at_rest || progress != progress_seen) {
        progress_seen = progress;
        ticks_stalled = 0;
        return;
    }
    if (++ticks_stalled < TICKS_A_LIMIT)
        return;
    /* The log may be what hangs: then the next alarm ends us silently. */
    signal(SIGALRM, SIG_DFL);
    alarm(LAST_WORDS);
    fatal("watchdog timeout: no progress for %d seconds", (int)limit_given);
}

void watchdog_start(int limit)
{
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART | SA_NODEFER};
    struct itimerval timer;

    memset(&timer, 0, sizeof(timer));
    timer.it_interval.tv_sec = limit / TICKS_A_LIMIT;
    timer.it_interval.tv_usec = limit % TICKS_A_LIMIT * (1000000 / TICKS_A_LIMIT);
    timer.it_value = timer.it_interval;
    limit_given = limit;
    progress_seen = progress;
    ticks_stalled = 0;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

void watchdog_progress(void)
{
    progress = (progress + 1) & 0xffff;
}

void watchdog_rest(bool resting)
{
    at_rest = resting;
    watchdog_progress();
}
