/*
 * Waiting for descriptors outside the event loop. The end of the wait is
 * fixed once at the start, so that signals cannot stretch it.
 */
#include "util/wait.h"

#include "util/clock.h"

#include <errno.h>
#include <limits.h>

static int remaining(int64_t end_ms)
{
    int64_t left = end_ms - clock_ms(&clock_system);

    if (left < 0)
        return 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}

int wait_any(struct pollfd *fds, size_t n, int64_t timeout_ms)
{
    int64_t end_ms = timeout_ms > 0 ? clock_ms(&clock_system) + timeout_ms : 0;
    int ready;

    do
        ready =
            poll(fds, n, timeout_ms <= 0 ? (timeout_ms < 0 ? -1 : 0) : remaining(end_ms));
    while (ready < 0 && errno == EINTR);
    return ready;
}

int wait_one(int fd, short events, int64_t timeout_ms)
{
    struct pollfd one = {.fd = fd, .events = events};

    return wait_any(&one, 1, timeout_ms);
}
