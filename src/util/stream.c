/*
 * Buffered streams: their life and settings, and those over memory. Waiting in time is
 * in stream_wait.c, what comes in in stream_input.c, what goes out in stream_output.c;
 * all share stream_state.h.
 */
#include "util/stream_state.h"

#include "util/log.h"

#include <stdlib.h>
#include <unistd.h>

enum { DEFAULT_SIZE = 16384 };

/* Both ends of a memory stream. */
struct stream_memory {
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

char *stream_allocate_buffer(size_t size)
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

static void free_memory(struct stream_memory *memory)
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

static ssize_t memory_read(void *state, void *p, size_t n)
{
    struct stream_memory *memory = state;
    struct str have = str_head(str_tail(buf_str(&memory->input), memory->at), n);

    memcpy(p, have.p, have.n);
    memory->at += have.n;
    return (ssize_t)have.n;
}

static ssize_t memory_write(void *state, const void *p, size_t n)
{
    struct stream_memory *memory = state;

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
