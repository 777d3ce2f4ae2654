/*
 * Waiting for several descriptors at once, for code outside the event loop
 * that must wait with a time limit: connecting, and name service questions.
 */
#ifndef UTIL_WAIT_H
#define UTIL_WAIT_H

#include "util/attributes.h"

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

/*
 * poll(2) until one of the n descriptors is ready or timeout_ms is over (< 0 =
 * no limit). A signal does not end the wait, nor stretch it. Returns the
 * number of ready descriptors, 0 when the time is over, -1 with errno.
 */
int wait_any(struct pollfd *fds, size_t n, int64_t timeout_ms) MUST_CHECK;

/* The same for one descriptor; events are POLLIN, POLLOUT. */
int wait_one(int fd, short events, int64_t timeout_ms) MUST_CHECK;

#endif
