/* The machine's clock. CLOCK_MONOTONIC and gettimeofday cost no system call (vDSO). */
#include "util/clock.h"

static int64_t system_monotonic_ms(const struct clock *clock)
{
    struct timespec now;

    (void)clock;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct timeval system_wall(const struct clock *clock)
{
    struct timeval now;

    (void)clock;
    gettimeofday(&now, NULL);
    return now;
}

const struct clock clock_system = {
    .monotonic_ms = system_monotonic_ms,
    .wall = system_wall,
};

double time_since(struct timeval a, struct timeval b)
{
    return (double)(a.tv_sec - b.tv_sec) + (double)(a.tv_usec - b.tv_usec) / 1e6;
}
