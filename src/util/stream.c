/*
 * Buffered streams. The budget is system calls: time limits of sockets live in
 * the kernel (SO_RCVTIMEO, SO_SNDTIMEO) and are set again only when the limit
 * grows, or shrinks by more than an eighth; for output only when the socket does
 * not take it at once. What kind of descriptor it is
 * costs nothing to find out: the first socket call on another kind fails with
 * ENOTSOCK, and from then on poll, read and write serve.
 *
 * Reading a line is linear in its length however the bytes arrive: each byte
 * is scanned once, and the buffer is compacted only when at least half of it
 * becomes free, else it grows.
 */
#include "util/stream.h"

#include "util/clock.h"
#include "util/format.h"
#include "util/log.h"
#include "util/wait.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { DEFAULT_SIZE = 16384, FDS_MAX = 32 };

enum kind { KIND_UNKNOWN, KIND_SOCKET, KIND_OTHER };

/* One direction. */
struct side {
    char *p; /* allocated at first use */
    size_t size;
    size_t start, end;         /* the bytes in use; start is 0 for output */
    enum stream_result result; /* what stays when not STREAM_OK */
    int64_t armed_ms;          /* limit that the kernel has; 0 = none */
};

struct stream {
    int fd;
    enum kind kind;
    const struct stream_ops *ops;
    void *state;
    struct side in, out;
    size_t scanned; /* bytes after in.start known to hold no LF */
    int64_t timeout_ms, deadline_ms;
    int code; /* errno of the last failure */
    bool poll_first, hung_up;
    bool accepts_fds;
    int fds[FDS_MAX];
    size_t fds_n;
    struct memory *memory;
};

/* Both ends of a memory stream. */
struct memory {
    struct buf input, output;
    size_t at;
};

const char *stream_result_text(enum stream_result result)
{
    static const char *const texts[] = {
        [STREAM_OK] = "success",
        [STREAM_EOF] = "lost connection",
        [STREAM_TIMEOUT] = "timeout",
        [STREAM_RESET] = "lost connection",
        [STREAM_TOO_LONG] = "line too long",
        [STREAM_ERROR] = "i/o error",
    };

    return texts[result];
}

static void *allocate(size_t size)
{
    void *p = calloc(1, size);

    if (p == NULL)
        fatal("out of memory: %zu bytes for a stream", size);
    return p;
}

/* Buffers need no zeroes. */
static char *allocate_buffer(size_t size)
{
    char *p = malloc(size);

    if (p == NULL)
        fatal("out of memory: stream buffer of %zu bytes", size);
    return p;
}

struct stream *stream_new(int fd, size_t size)
{
    struct stream *s = allocate(sizeof(*s));

    s->fd = fd;
    s->in.size = s->out.size = size ? size : DEFAULT_SIZE;
    s->timeout_ms = -1;
    return s;
}

static void free_memory(struct memory *memory)
{
    if (memory == NULL)
        return;
    buf_done(&memory->input);
    buf_done(&memory->output);
    free(memory);
}

int stream_detach(struct stream *s)
{
    int fd = s->fd;

    if (s->ops && s->ops->close)
        s->ops->close(s->state);
    while (s->fds_n > 0)
        close(s->fds[--s->fds_n]);
    free_memory(s->memory);
    free(s->in.p);
    free(s->out.p);
    free(s);
    return fd;
}

void stream_free(struct stream *s)
{
    int fd;

    if (s == NULL)
        return;
    fd = stream_detach(s);
    if (fd >= 0)
        close(fd);
}

int stream_fd(const struct stream *s)
{
    return s->fd;
}
int stream_errno(const struct stream *s)
{
    return s->code;
}

void stream_set_ops(struct stream *s, const struct stream_ops *ops, void *state)
{
    stream_purge_input(s);
    if (s->ops && s->ops->close)
        s->ops->close(s->state);
    s->ops = ops;
    s->state = state;
}

void stream_set_timeout(struct stream *s, int64_t timeout_ms)
{
    s->timeout_ms = timeout_ms;
}
void stream_set_deadline(struct stream *s, int64_t monotonic_ms)
{
    s->deadline_ms = monotonic_ms;
}

void stream_poll_first(struct stream *s)
{
    s->poll_first = true;
}

bool stream_is_hung_up(const struct stream *s)
{
    return s->hung_up;
}

/* --- waiting ---------------------------------------------------------------- */

/* How long the next wait may last; -1 = for ever, 0 = no longer. */
static int64_t wait_limit(const struct stream *s)
{
    int64_t left;

    if (s->deadline_ms == 0)
        return s->timeout_ms;
    left = s->deadline_ms - clock_ms(&clock_system);
    if (left < 0)
        left = 0;
    return s->timeout_ms >= 0 && s->timeout_ms < left ? s->timeout_ms : left;
}

/* Does the kernel end a wait of this side after limit_ms, or little later? */
static bool is_armed(const struct side *side, int64_t limit_ms)
{
    int64_t want = limit_ms < 0 ? 0 : limit_ms;

    return want == side->armed_ms ||
           (want != 0 && side->armed_ms > want && side->armed_ms - want <= want / 8);
}

/* Have it do so. */
static int arm(struct stream *s, struct side *side, int option, int64_t limit_ms)
{
    int64_t want = limit_ms < 0 ? 0 : limit_ms;
    struct timeval tv = {want / 1000, want % 1000 * 1000};

    if (is_armed(side, limit_ms))
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

/*
 * Make sure that the next call on this side ends in time. Returns 0, or -1
 * with errno.
 */
static int prepare(struct stream *s, struct side *side)
{
    bool input = side == &s->in;
    int64_t limit_ms = wait_limit(s);

    if (s->fd < 0)
        return 0;
    if (limit_ms == 0) {
        errno = EAGAIN;
        return -1;
    }
    if (input && s->poll_first)
        return poll_for(s, POLLIN, limit_ms);
    if (s->kind != KIND_OTHER) {
        if (arm(s, side, input ? SO_RCVTIMEO : SO_SNDTIMEO, limit_ms) == 0)
            return 0;
        if (errno != ENOTSOCK)
            return -1;
        s->kind = KIND_OTHER;
    }
    return limit_ms < 0 ? 0 : poll_for(s, input ? POLLIN : POLLOUT, limit_ms);
}

/* Operations may wait in either direction. */
static int prepare_ops(struct stream *s)
{
    if (s->ops->waits)
        return 0;
    return prepare(s, &s->in) < 0 || prepare(s, &s->out) < 0 ? -1 : 0;
}

static enum stream_result failed(struct stream *s, struct side *side)
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

/* --- input ------------------------------------------------------------------ */

static void keep_fd(struct stream *s, int fd)
{
    if (s->fds_n < FDS_MAX)
        s->fds[s->fds_n++] = fd;
    else
        close(fd);
}

static void keep_fds(struct stream *s, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len;
             at += sizeof(int)) {
            int fd;

            memcpy(&fd, (char *)c + at, sizeof(fd));
            keep_fd(s, fd);
        }
    }
}

static ssize_t receive_with_fds(struct stream *s, void *p, size_t n)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS_MAX * sizeof(int))];
    struct iovec vector = {p, n};
    struct msghdr message = {
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control),
    };
    ssize_t got = recvmsg(s->fd, &message, MSG_CMSG_CLOEXEC);

    if (got >= 0)
        keep_fds(s, &message);
    return got;
}

static ssize_t read_some(struct stream *s, void *p, size_t n)
{
    ssize_t got;

    do {
        if (s->ops ? prepare_ops(s) < 0 : prepare(s, &s->in) < 0)
            got = -1;
        else if (s->ops)
            got = s->ops->read(s->state, p, n);
        else if (s->accepts_fds)
            got = receive_with_fds(s, p, n);
        else
            got = read(s->fd, p, n);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* Make room behind the buffered input. */
static void make_room(struct stream *s)
{
    struct side *in = &s->in;
    size_t n = in->end - in->start;

    if (in->p == NULL)
        in->p = allocate_buffer(in->size);
    if (n == 0)
        in->start = in->end = 0;
    if (in->end < in->size)
        return;
    if (n <= in->size / 2) {
        memmove(in->p, in->p + in->start, n);
    } else {
        char *larger = allocate_buffer(in->size * 2);

        memcpy(larger, in->p + in->start, n);
        free(in->p);
        in->p = larger;
        in->size *= 2;
    }
    in->start = 0;
    in->end = n;
}

/* Read once. */
static enum stream_result fill(struct stream *s)
{
    ssize_t n;

    if (s->in.result != STREAM_OK)
        return s->in.result;
    make_room(s);
    n = read_some(s, s->in.p + s->in.end, s->in.size - s->in.end);
    if (n < 0)
        return failed(s, &s->in);
    if (n == 0)
        return s->in.result = STREAM_EOF;
    s->in.end += (size_t)n;
    return STREAM_OK;
}

struct str stream_buffered(const struct stream *s)
{
    return str_from(s->in.p ? s->in.p + s->in.start : "", s->in.end - s->in.start);
}

void stream_skip(struct stream *s, size_t n)
{
    if (n > s->in.end - s->in.start)
        panic("stream_skip: %zu bytes of %zu", n, s->in.end - s->in.start);
    s->in.start += n;
    s->scanned = 0;
}

void stream_purge_input(struct stream *s)
{
    stream_skip(s, s->in.end - s->in.start);
}

static void wipe_unused(struct side *side)
{
    if (side->p == NULL)
        return;
    explicit_bzero(side->p, side->start);
    explicit_bzero(side->p + side->end, side->size - side->end);
}

void stream_wipe(struct stream *s)
{
    wipe_unused(&s->in);
    wipe_unused(&s->out);
}

/* Look for LF among the first `limit` buffered bytes; *ret_n is where it is, or how many
 * hold none. */
static bool find_line(struct stream *s, size_t limit, size_t *ret_n)
{
    struct str fresh = str_tail(str_head(stream_buffered(s), limit), s->scanned);
    size_t at = str_find(fresh, '\n');

    *ret_n = s->scanned + at;
    s->scanned += at;
    return at < fresh.n;
}

/* A line as it stands in the buffer, without its LF, less the CR. */
static struct str without_cr(struct str line, bool *ret_bare_lf)
{
    bool crlf = line.n > 0 && line.p[line.n - 1] == '\r';

    if (ret_bare_lf)
        *ret_bare_lf = !crlf;
    return str_head(line, line.n - crlf);
}

enum stream_result stream_read_line(struct stream *s, size_t max, struct str *ret,
                                    bool *ret_bare_lf)
{
    size_t limit = max < SIZE_MAX - 2 ? max + 2 : max; /* the line, CR, LF */
    size_t n;

    struct str line = STR_NONE;
    bool found;

    while (!(found = find_line(s, limit, &n)) && n < limit) {
        enum stream_result result = fill(s);

        if (result != STREAM_OK)
            return result;
    }
    if (found)
        line = without_cr(str_head(stream_buffered(s), n), ret_bare_lf);
    if (found && line.n <= max) {
        *ret = line;
        stream_skip(s, n + 1);
        return STREAM_OK;
    }
    *ret = str_head(stream_buffered(s), max);
    stream_skip(s, max);
    return STREAM_TOO_LONG;
}

enum stream_result stream_read(struct stream *s, void *p, size_t n)
{
    char *to = p;

    for (;;) {
        struct str have = str_head(stream_buffered(s), n);
        enum stream_result result;

        if (have.n > 0) {
            memcpy(to, have.p, have.n);
            stream_skip(s, have.n);
        }
        to += have.n;
        n -= have.n;
        if (n == 0)
            return STREAM_OK;
        if ((result = fill(s)) != STREAM_OK)
            return result;
    }
}

enum stream_result stream_peek(struct stream *s, struct str *ret)
{
    if (s->in.start == s->in.end) {
        enum stream_result result = fill(s);

        if (result != STREAM_OK)
            return result;
    }
    *ret = stream_buffered(s);
    return STREAM_OK;
}

bool stream_wait(struct stream *s, int64_t timeout_ms)
{
    return s->in.start < s->in.end || s->in.result != STREAM_OK || s->fd < 0 ||
           (s->ops && s->ops->has_input && s->ops->has_input(s->state)) ||
           wait_one(s->fd, POLLIN, timeout_ms) != 0;
}

void stream_accept_fds(struct stream *s)
{
    s->accepts_fds = true;
}

int stream_take_fd(struct stream *s)
{
    int fd;

    if (s->fds_n == 0)
        return -1;
    fd = s->fds[0];
    memmove(s->fds, s->fds + 1, --s->fds_n * sizeof(s->fds[0]));
    return fd;
}

/* --- output ----------------------------------------------------------------- */

/* A pipe that is ready takes PIPE_BUF bytes without waiting, and no more is certain. */
static ssize_t write_other(struct stream *s, const struct iovec *v)
{
    size_t n = v[0].iov_len;

    if (wait_limit(s) < 0)
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
        s->kind = KIND_OTHER;
        errno = EINTR; /* try again as what it is */
    }
    return n;
}

/* Is it a socket that may take bytes at once, without a call to limit the wait? */
static bool may_send_at_once(const struct stream *s)
{
    int64_t limit_ms = wait_limit(s);

    return !s->ops && s->fd >= 0 && s->kind != KIND_OTHER && limit_ms > 0 &&
           !is_armed(&s->out, limit_ms);
}

/* Write the first non-empty bytes of v[0] and v[1]; v[0] is not empty. */
static ssize_t write_once(struct stream *s, struct iovec *v, struct msghdr *message)
{
    if (may_send_at_once(s)) {
        ssize_t n = send_once(s, v, message, MSG_DONTWAIT);

        if (n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
            return n;
    }
    if (s->ops ? prepare_ops(s) < 0 : prepare(s, &s->out) < 0)
        return -1;
    if (s->ops)
        return s->ops->write(s->state, v[0].iov_base, v[0].iov_len);
    if (s->kind == KIND_OTHER)
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
            return failed(s, &s->out);
        message.msg_controllen = 0; /* the descriptor went with the first byte */
        advance(v, (size_t)done);
    }
    return STREAM_OK;
}

void stream_write(struct stream *s, const void *p, size_t n)
{
    struct side *out = &s->out;

    if (out->p == NULL)
        out->p = allocate_buffer(out->size);
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

/* --- below operations --------------------------------------------------------- */

ssize_t stream_raw_read(struct stream *s, void *p, size_t n)
{
    ssize_t got;

    do
        got = prepare(s, &s->in) < 0 ? -1 : read(s->fd, p, n);
    while (got < 0 && errno == EINTR);
    return got;
}

ssize_t stream_raw_write(struct stream *s, const void *p, size_t n)
{
    const struct iovec v[2] = {{(void *)p, n}, {NULL, 0}};
    const struct msghdr message = {0};
    ssize_t done;

    do {
        if (prepare(s, &s->out) < 0)
            done = -1;
        else if (s->kind == KIND_OTHER)
            done = write_other(s, v);
        else
            done = send_once(s, v, &message, 0);
    } while (done < 0 && errno == EINTR);
    return done;
}

/* --- memory ----------------------------------------------------------------- */

static ssize_t memory_read(void *state, void *p, size_t n)
{
    struct memory *memory = state;
    struct str have = str_head(str_tail(buf_str(&memory->input), memory->at), n);

    memcpy(p, have.p, have.n);
    memory->at += have.n;
    return (ssize_t)have.n;
}

static ssize_t memory_write(void *state, const void *p, size_t n)
{
    struct memory *memory = state;

    buf_add(&memory->output, p, n);
    return (ssize_t)n;
}

struct stream *stream_memory(struct str input)
{
    static const struct stream_ops ops = {.read = memory_read, .write = memory_write};
    struct stream *s = stream_new(-1, 0);

    s->memory = allocate(sizeof(*s->memory));
    buf_init(&s->memory->input, SIZE_MAX);
    buf_init(&s->memory->output, SIZE_MAX);
    buf_add_str(&s->memory->input, input);
    s->ops = &ops;
    s->state = s->memory;
    return s;
}

struct str stream_memory_output(const struct stream *s)
{
    return buf_str(&s->memory->output);
}
