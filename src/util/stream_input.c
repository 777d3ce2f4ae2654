/*
 * What a stream takes in: lines, blocks and descriptors.
 *
 * Reading a line is linear in its length however the bytes arrive: each byte
 * is scanned once, and the buffer is compacted only when at least half of it
 * becomes free, else it grows.
 */
#include "util/stream_state.h"

#include "util/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void keep_fd(struct stream *s, int fd)
{
    if (s->fds_n < STREAM_FDS_MAX)
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

ssize_t stream_receive(struct stream *s, int fd, void *p, size_t n, int flags)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(STREAM_FDS_MAX * sizeof(int))];
    struct iovec vector = {p, n};
    struct msghdr message = {
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control),
    };
    ssize_t got = recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC);

    if (got >= 0)
        keep_fds(s, &message);
    return got;
}

static ssize_t read_some(struct stream *s, void *p, size_t n)
{
    ssize_t got;

    do {
        if (s->ops ? stream_prepare_ops(s) < 0 : stream_prepare(s, &s->in) < 0)
            got = -1;
        else if (s->ops)
            got = s->ops->read(s->state, p, n);
        else if (s->accepts_fds)
            got = stream_receive(s, s->fd, p, n, 0);
        else
            got = read(s->fd, p, n);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* Make room behind the buffered input. */
static void make_room(struct stream *s)
{
    struct stream_side *in = &s->in;
    size_t n = in->end - in->start;

    if (in->p == NULL)
        in->p = stream_allocate_buffer(in->size);
    if (n == 0)
        in->start = in->end = 0;
    if (in->end < in->size)
        return;
    if (n <= in->size / 2) {
        memmove(in->p, in->p + in->start, n);
    } else {
        char *larger = stream_allocate_buffer(in->size * 2);

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
        return stream_failed(s, &s->in);
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

static void wipe_unused(struct stream_side *side)
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

ssize_t stream_raw_read(struct stream *s, void *p, size_t n)
{
    ssize_t got;

    do
        got = stream_prepare(s, &s->in) < 0 ? -1 : read(s->fd, p, n);
    while (got < 0 && errno == EINTR);
    return got;
}
