/*
 * Time, through a struct that tests replace.
 *
 * Everything that waits or measures asks a struct clock; only file stamps
 * and log lines ask the system directly.
 */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <stdint.h>
#include <sys/time.h>
#include <time.h>

struct clock {
    /* Monotonic milliseconds since some start; never goes back. */
    int64_t (*monotonic_ms)(const struct clock *clock);
    /* Wall clock. */
    struct timeval (*wall)(const struct clock *clock);
    /*
     * Let ms pass. NULL for clocks that run by themselves; on a replacement,
     * loop_step calls it instead of sleeping until the next timer.
     */
    void (*pass_ms)(const struct clock *clock, int64_t ms);
    void *state; /* of a replacement */
};

/* The machine's clock; static and constant. */
extern const struct clock clock_system;

static inline int64_t clock_ms(const struct clock *clock)
{
    return clock->monotonic_ms(clock);
}
static inline struct timeval clock_wall(const struct clock *clock)
{
    return clock->wall(clock);
}

/* a - b in seconds. */
double time_since(struct timeval a, struct timeval b);

#endif
