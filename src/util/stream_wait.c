/*
 * How a stream waits. The budget is system calls: time limits of sockets live in
 * the kernel (SO_RCVTIMEO, SO_SNDTIMEO) and are set again only when the limit
 * grows, or shrinks by more than an eighth; for output only when the socket does
 * not take it at once. What kind of descriptor it is
 * costs nothing to find out: the first socket call on another kind fails with
 * ENOTSOCK, and from then on poll, read and write serve.
 */
#include "util/stream_state.h"

#include "util/clock.h"
#include "util/wait.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>

int64_t stream_wait_limit(const struct stream *s)
{
    int64_t left;

    if (s->deadline_ms == 0)
        return s->timeout_ms;
    left = s->deadline_ms - clock_ms(&clock_system);
    if (left < 0)
        left = 0;
    return s->timeout_ms >= 0 && s->timeout_ms < left ? s->timeout_ms : left;
}

bool stream_is_armed(const struct stream_side *side, int64_t limit_ms)
{
    int64_t want = limit_ms < 0 ? 0 : limit_ms;

    return want == side->armed_ms ||
           (want != 0 && side->armed_ms > want && side->armed_ms - want <= want / 8);
}

/* Have the kernel end waits of this side after limit_ms. */
static int arm(struct stream *s, struct stream_side *side, int option, int64_t limit_ms)
{
    int64_t want = limit_ms < 0 ? 0 : limit_ms;
    struct timeval tv = {want / 1000, want % 1000 * 1000};

    if (stream_is_armed(side, limit_ms))
        return 0;
    if (setsockopt(s->fd, SOL_SOCKET, option, &tv, sizeof(tv)) < 0)
        return -1;
    side->armed_ms = want;
    return 0;
}

static int poll_for(struct stream *s, short events, int64_t limit_ms)
{
    struct pollfd p = {.fd = s->fd, .events = events};
    int n = poll(&p, 1, limit_ms > INT_MAX ? INT_MAX : (int)limit_ms);

    if (p.revents & POLLHUP)
        s->hung_up = true;
    if (n == 0)
        errno = EAGAIN;
    return n > 0 ? 0 : -1;
}

int stream_prepare(struct stream *s, struct stream_side *side)
{
    bool input = side == &s->in;
    int64_t limit_ms = stream_wait_limit(s);

    if (s->fd < 0)
        return 0;
    if (limit_ms == 0) {
        errno = EAGAIN;
        return -1;
    }
    if (input && s->poll_first) {
        int ready = s->waited ? 0 : poll_for(s, POLLIN, limit_ms);

        s->waited = false;
        return ready;
    }
    if (s->kind != STREAM_OTHER) {
        if (arm(s, side, input ? SO_RCVTIMEO : SO_SNDTIMEO, limit_ms) == 0)
            return 0;
        if (errno != ENOTSOCK)
            return -1;
        s->kind = STREAM_OTHER;
    }
    return limit_ms < 0 ? 0 : poll_for(s, input ? POLLIN : POLLOUT, limit_ms);
}

int stream_prepare_ops(struct stream *s)
{
    if (s->ops->waits)
        return 0;
    return stream_prepare(s, &s->in) < 0 || stream_prepare(s, &s->out) < 0 ? -1 : 0;
}

enum stream_result stream_failed(struct stream *s, struct stream_side *side)
{
    s->code = errno;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        side->result = STREAM_TIMEOUT;
    else if (errno == ECONNRESET || errno == EPIPE || errno == ETIMEDOUT)
        side->result = STREAM_RESET; /* ETIMEDOUT: TCP gave the connection up */
    else
        side->result = STREAM_ERROR;
    return side->result;
}

bool stream_wait(struct stream *s, int64_t timeout_ms)
{
    if (s->in.start < s->in.end || s->in.result != STREAM_OK || s->fd < 0 || s->waited ||
        (s->ops && s->ops->has_input && s->ops->has_input(s->state)))
        return true;
    if (!s->poll_first)
        return wait_one(s->fd, POLLIN, timeout_ms) != 0;
    s->waited = poll_for(s, POLLIN, timeout_ms) == 0;
    return s->waited || errno != EAGAIN;
}
