/*
 * Many clients in one process. Input is collected for each client until a
 * whole request is there; then the request's function reads it from a stream
 * over that memory, as the blocking services do, and never waits. Answers to
 * the requests of one read go out in one write. A client that sends a part of a
 * request, or does not take its answers, has $ipc_timeout to go on.
 */
#include "service/state.h"

#include "service/watchdog.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_SIZE = 16384,
    INPUT_MAX = 256 * 1024, /* the largest request; more is hostile */
    OUTPUT_ENOUGH = 65536,  /* no further request is answered before this is taken */
    OUTPUT_MAX = 16 << 20,
};

struct member {
    struct client client;
    int fd;
    struct buf in, out;
    size_t at, end; /* of the request being answered, in `in` */
    struct loop_timer *patience;
    bool dropped; /* closes when its answers are out */
    struct member *previous, *next;
};

struct members {
    struct member *first;
    struct arena *arena; /* one request at a time, so one is enough */
    struct loop_timer *last_call;
};

/* --- the stream that a request's function sees ---------------------------------- */

static ssize_t read_request(void *state, void *p, size_t n)
{
    struct member *m = state;
    size_t left = m->end - m->at;

    if (left == 0) {
        errno = EAGAIN; /* asked for more than the request: costs the connection */
        return -1;
    }
    n = n < left ? n : left;
    memcpy(p, m->in.p + m->at, n);
    m->at += n;
    return (ssize_t)n;
}

static ssize_t write_answer(void *state, const void *p, size_t n)
{
    struct member *m = state;

    buf_add(&m->out, p, n);
    return (ssize_t)n;
}

static const struct stream_ops request_ops = {.read = read_request,
                                              .write = write_answer};

/* --- coming and going ------------------------------------------------------------ */

static struct members *members_of(const struct process *process)
{
    return process->own->kind;
}

void service_let_go(struct process *process)
{
    struct service_state *own = process->own;

    if (--own->clients > 0)
        return;
    if (own->retiring)
        loop_stop(own->loop);
    else
        state_wait(process);
}

/* All but its descriptor, and its place among the clients that are counted. */
static void member_free(struct member *m)
{
    struct process *process = m->client.process;

    loop_cancel(process->own->loop, m->patience);
    stream_free(m->client.stream);
    buf_done(&m->in);
    buf_done(&m->out);
    *(m->previous ? &m->previous->next : &members_of(process)->first) = m->next;
    if (m->next)
        m->next->previous = m->previous;
    free(m);
}

static void member_close(struct member *m)
{
    struct process *process = m->client.process;

    if (m->client.gone)
        m->client.gone(&m->client);
    loop_unwatch(process->own->loop, m->fd);
    close(m->fd);
    member_free(m);
    service_let_go(process);
}

static void hand_over(struct member *m)
{
    loop_unwatch(m->client.process->own->loop, m->fd);
    if (fcntl(m->fd, F_SETFL, O_NONBLOCK) < 0)
        panic("descriptor %d cannot be made non-blocking: %m", m->fd);
    m->client.handed_over(&m->client, m->fd, buf_str(&m->in));
    member_free(m);
}

static void out_of_patience(void *context)
{
    struct member *m = context;

    m->patience = NULL;
    log_warning("%s: client stopped in the middle of a %s", m->client.process->name,
                m->out.n > 0 ? "reply" : "request");
    member_close(m);
}

static void member_ready(void *context, int fd, int events);

/* Decide what this client is waited for; false when it was closed. */
static bool member_wait(struct member *m)
{
    struct process *process = m->client.process;
    struct loop *loop = process->own->loop;
    bool middle = m->in.n > 0 || m->out.n > 0;
    int events = m->out.n > 0 ? LOOP_WRITE : 0;
    struct fail why;

    if (m->out.n == 0 && m->client.handed_over && !m->dropped) {
        hand_over(m);
        return false;
    }
    if (m->out.n == 0 && (m->dropped || (process->own->retiring && m->in.n == 0))) {
        member_close(m);
        return false;
    }
    if (!m->dropped && !m->client.handed_over && m->out.n < OUTPUT_ENOUGH)
        events |= LOOP_READ;
    if (loop_watch(loop, m->fd, events, member_ready, m, &why) < 0) {
        log_warning("%s: %s", process->name, why.text);
        member_close(m);
        return false;
    }
    loop_cancel(loop, m->patience);
    m->patience = middle ? loop_timer(loop, (int64_t)process->conf->ipc_timeout * 1000,
                                      out_of_patience, m)
                         : NULL;
    return true;
}

/* --- serving ----------------------------------------------------------------------- */

static void answer_one(struct member *m, size_t length)
{
    struct process *process = m->client.process;
    struct fail why = {0};

    m->end = m->at + length;
    if (request_answer(&m->client, &why) <= 0 ||
        stream_flush(m->client.stream) != STREAM_OK)
        m->dropped = true;
    if (why.text[0])
        log_warning("%s: %s", process->name, why.text);
    stream_purge_input(m->client.stream);
    m->at = m->end;
    arena_reset(m->client.arena);
    watchdog_progress();
}

static void answer_all(struct member *m)
{
    ssize_t n = 0;

    m->at = 0;
    while (!m->dropped && !m->client.handed_over && m->out.n < OUTPUT_ENOUGH &&
           (n = ipc_length(str_tail(buf_str(&m->in), m->at))) > 0)
        answer_one(m, (size_t)n);
    if (n < 0 || (n == 0 && m->in.n - m->at > INPUT_MAX)) {
        log_warning("%s: malformed request", m->client.process->name);
        m->dropped = true;
    }
    if (m->dropped)
        m->at = m->in.n;
    buf_shift(&m->in, m->at);
}

/* Bytes of answers go out; false when the client is gone. */
static bool send_answers(struct member *m)
{
    ssize_t n;

    if (m->out.n == 0)
        return true;
    n = send(m->fd, m->out.p, m->out.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    buf_shift(&m->out, (size_t)n);
    return true;
}

static bool read_input(struct member *m)
{
    char *to = buf_reserve(&m->in, READ_SIZE);
    ssize_t n = m->client.process->service->flags & SERVICE_TAKES_FDS
                    ? stream_receive(m->client.stream, m->fd, to, READ_SIZE, MSG_DONTWAIT)
                    : recv(m->fd, to, READ_SIZE, MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    buf_added(&m->in, (size_t)n);
    return n > 0;
}

static void member_ready(void *context, int fd, int events)
{
    struct member *m = context;
    struct process *process = m->client.process;
    bool was_retiring = service_retiring(process);

    (void)fd;
    /* Ask before reading: who is closed with his request unread repeats it elsewhere. */
    if (events & LOOP_READ && !was_retiring && process->service->between &&
        process->service->between(process)) {
        service_retire(process);
        return;
    }
    if ((events & LOOP_READ && m->out.n < OUTPUT_ENOUGH && !read_input(m)) ||
        (events & LOOP_WRITE && !send_answers(m))) {
        member_close(m);
        return;
    }
    answer_all(m);
    if (!send_answers(m))
        member_close(m);
    else
        member_wait(m);
    if (!was_retiring && state_used_up(process))
        service_retire(process);
}

static void accept_member(void *context, int listener, int events)
{
    struct process *process = context;
    struct service_state *own = process->own;
    struct members *members = members_of(process);
    struct netaddr peer;
    struct member *m;
    int fd;

    (void)events;
    if (own->retiring || (fd = state_accept(process, listener, &peer)) < 0)
        return;
    m = calloc(1, sizeof(*m));
    if (!m)
        panic("out of memory");
    m->client = (struct client){.process = process,
                                .stream = stream_new(-1, 0),
                                .arena = members->arena,
                                .peer = peer};
    stream_set_ops(m->client.stream, &request_ops, m);
    m->fd = fd;
    buf_init(&m->in, INPUT_MAX + 2 * READ_SIZE);
    buf_init(&m->out, OUTPUT_MAX);
    m->next = members->first;
    if (m->next)
        m->next->previous = m;
    members->first = m;
    own->clients++;
    state_count(process); /* acted upon when the last of them has asked */
    ipc_announce(m->client.stream, process->service->name);
    if (stream_flush(m->client.stream) != STREAM_OK || !send_answers(m))
        member_close(m);
    else
        member_wait(m);
}

int many_clients_start(struct process *process, struct fail *why)
{
    struct members *members = arena_alloc(process->arena, sizeof(*members));

    members->arena = arena_new("request");
    process->own->kind = members;
    if (state_watch_listeners(process, accept_member, why) < 0)
        return -1;
    state_idle(process);
    state_wait(process);
    return 0;
}

static void last_call(void *context)
{
    struct process *process = context;

    members_of(process)->last_call = NULL;
    loop_stop(process->own->loop);
}

void many_clients_retire(struct process *process)
{
    struct service_state *own = process->own;
    struct members *members = members_of(process);

    for (struct member *m = members->first, *next; m; m = next) {
        next = m->next;
        if (m->in.n == 0 && m->out.n == 0)
            member_close(m);
    }
    if (own->clients == 0)
        loop_stop(own->loop);
    else if (!members->last_call)
        members->last_call = loop_timer(
            own->loop, (int64_t)process->conf->application_event_drain_time * 1000,
            last_call, process);
}
