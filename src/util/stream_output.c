/*
 * What a stream sends: bytes are collected, and written out when the buffer is full or
 * the caller says so, in few calls.
 */
#include "util/stream_state.h"

#include "util/format.h"
#include "util/log.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* A pipe that is ready takes PIPE_BUF bytes without waiting, and no more is certain. */
static ssize_t write_other(struct stream *s, const struct iovec *v)
{
    size_t n = v[0].iov_len;

    if (stream_wait_limit(s) < 0)
        return writev(s->fd, v, 2);
    return write(s->fd, v[0].iov_base, n < PIPE_BUF ? n : PIPE_BUF);
}

static ssize_t send_once(struct stream *s, const struct iovec *v,
                         const struct msghdr *message, int flags)
{
    ssize_t n;

    if (v[1].iov_len == 0 && message->msg_controllen == 0)
        n = send(s->fd, v[0].iov_base, v[0].iov_len, MSG_NOSIGNAL | flags);
    else
        n = sendmsg(s->fd, message, MSG_NOSIGNAL | flags);
    if (n < 0 && errno == ENOTSOCK) {
        s->kind = STREAM_OTHER;
        errno = EINTR; /* try again as what it is */
    }
    return n;
}

/* Is it a socket that may take bytes at once, without a call to limit the wait? */
static bool may_send_at_once(const struct stream *s)
{
    int64_t limit_ms = stream_wait_limit(s);

    return !s->ops && s->fd >= 0 && s->kind != STREAM_OTHER && limit_ms > 0 &&
           !stream_is_armed(&s->out, limit_ms);
}

/* Write the first non-empty bytes of v[0] and v[1]; v[0] is not empty. */
static ssize_t write_once(struct stream *s, struct iovec *v, struct msghdr *message)
{
    if (may_send_at_once(s)) {
        ssize_t n = send_once(s, v, message, MSG_DONTWAIT);

        if (n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
            return n;
    }
    if (s->ops ? stream_prepare_ops(s) < 0 : stream_prepare(s, &s->out) < 0)
        return -1;
    if (s->ops)
        return s->ops->write(s->state, v[0].iov_base, v[0].iov_len);
    if (s->kind == STREAM_OTHER)
        return write_other(s, v);
    return send_once(s, v, message, 0);
}

/* Step over n bytes that were written. */
static void advance(struct iovec v[2], size_t n)
{
    if (n >= v[0].iov_len) {
        n -= v[0].iov_len;
        v[0] = v[1];
        v[1] = (struct iovec){NULL, 0};
    }
    if (n > 0) {
        v[0].iov_base = (char *)v[0].iov_base + n;
        v[0].iov_len -= n;
    }
}

/* Write out what is pending and then n bytes from p; fd travels along unless -1. */
static enum stream_result push(struct stream *s, const void *p, size_t n, int fd)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec v[2] = {{s->out.p, s->out.end}, {(void *)p, n}};
    struct msghdr message = {.msg_iov = v, .msg_iovlen = 2};

    if (s->out.result != STREAM_OK)
        return s->out.result;
    if (fd >= 0) {
        struct cmsghdr *c = (struct cmsghdr *)control;

        *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
                              .cmsg_level = SOL_SOCKET,
                              .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
    }
    s->out.end = 0; /* on failure the rest is lost with the stream */
    advance(v, 0);
    while (v[0].iov_len > 0) {
        ssize_t done = write_once(s, v, &message);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return stream_failed(s, &s->out);
        message.msg_controllen = 0; /* the descriptor went with the first byte */
        advance(v, (size_t)done);
    }
    return STREAM_OK;
}

void stream_write(struct stream *s, const void *p, size_t n)
{
    struct stream_side *out = &s->out;

    if (out->p == NULL)
        out->p = stream_allocate_buffer(out->size);
    if (n > out->size - out->end) {
        push(s, p, n, -1);
    } else if (n > 0 && out->result == STREAM_OK) {
        memcpy(out->p + out->end, p, n);
        out->end += n;
    }
}

void stream_write_str(struct stream *s, struct str text)
{
    stream_write(s, text.p, text.n);
}
void stream_write_text(struct stream *s, const char *text)
{
    stream_write(s, text, strlen(text));
}

void stream_printf(struct stream *s, const char *format, ...)
{
    char text[500];
    va_list args, again;
    int n;

    va_start(args, format);
    va_copy(again, args);
    n = format_va(text, sizeof(text), format, args);
    if (n >= 0 && (size_t)n < sizeof(text)) {
        stream_write(s, text, (size_t)n);
    } else {
        struct buf b;

        buf_init(&b, INT_MAX);
        buf_vprintf(&b, format, again);
        stream_write(s, b.p, b.n);
        buf_done(&b);
    }
    va_end(again);
    va_end(args);
}

enum stream_result stream_flush(struct stream *s)
{
    return push(s, NULL, 0, -1);
}

size_t stream_pending(const struct stream *s)
{
    return s->out.end;
}

enum stream_result stream_output_result(const struct stream *s)
{
    return s->out.result;
}

enum stream_result stream_flush_with_fd(struct stream *s, int fd)
{
    if (s->out.end == 0 && s->out.result == STREAM_OK)
        panic("stream_flush_with_fd: a descriptor needs at least one byte of company");
    return push(s, NULL, 0, fd);
}

ssize_t stream_raw_write(struct stream *s, const void *p, size_t n)
{
    const struct iovec v[2] = {{(void *)p, n}, {NULL, 0}};
    const struct msghdr message = {0};
    ssize_t done;

    do {
        if (stream_prepare(s, &s->out) < 0)
            done = -1;
        else if (s->kind == STREAM_OTHER)
            done = write_other(s, v);
        else
            done = send_once(s, v, &message, 0);
    } while (done < 0 && errno == EINTR);
    return done;
}
