/*
 * Services without conversation: triggers (a connection or FIFO that brings a
 * few bytes and wants no answer) and datagrams. Also the triggers and connections of
 * a program that runs on the loop by itself.
 */
#include "service/state.h"

#include "util/log.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TRIGGER_MAX = 1024, DATAGRAM_MAX = 65536, DRAIN_MAX = 10000 };

/* A connection whose bytes did not come yet. */
struct caller {
    struct process *process;
    int fd;
    struct loop_timer *patience;
};

static void caller_close(struct caller *caller)
{
    struct loop *loop = caller->process->own->loop;

    loop_cancel(loop, caller->patience);
    loop_unwatch(loop, caller->fd);
    close(caller->fd);
    free(caller);
}

static void was_triggered(struct process *process, struct str bytes)
{
    if (bytes.n > 0 && !process->own->retiring)
        process->service->trigger(process, bytes);
    if (state_count(process))
        service_retire(process);
    else
        state_wait(process);
}

static void caller_ready(void *context, int fd, int events)
{
    struct caller *caller = context;
    struct process *process = caller->process;
    char bytes[TRIGGER_MAX];
    ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    (void)events;
    caller_close(caller);
    was_triggered(process, str_from(bytes, n > 0 ? (size_t)n : 0));
}

static void caller_silent(void *context)
{
    struct caller *caller = context;

    caller->patience = NULL;
    caller_close(caller);
}

static void accept_caller(void *context, int listener, int events)
{
    struct process *process = context;
    struct service_state *own = process->own;
    struct netaddr peer;
    int fd = state_accept(process, listener, &peer);
    struct caller *caller;
    struct fail why;

    (void)events;
    if (fd < 0)
        return;
    caller = calloc(1, sizeof(*caller));
    if (!caller)
        panic("out of memory");
    *caller = (struct caller){.process = process, .fd = fd};
    if (loop_watch(own->loop, fd, LOOP_READ, caller_ready, caller, &why) < 0) {
        log_warning("%s: %s", process->name, why.text);
        caller_close(caller);
        return;
    }
    caller->patience = loop_timer(
        own->loop, (int64_t)process->conf->trigger_timeout * 1000, caller_silent, caller);
}

static void hand_over_connection(void *context, int listener, int events)
{
    struct process *process = context;
    struct netaddr peer;
    int fd = state_accept(process, listener, &peer);

    (void)events;
    if (fd < 0)
        return;
    process->service->connection(process, fd, &peer);
    (void)state_count(process);
}

static void read_fifo(void *context, int fifo, int events)
{
    char bytes[TRIGGER_MAX];
    ssize_t n = read(fifo, bytes, sizeof(bytes));

    (void)events;
    was_triggered(context, str_from(bytes, n > 0 ? (size_t)n : 0));
}

static void read_datagram(void *context, int fd, int events)
{
    struct process *process = context;
    char *packet = process->own->kind;
    ssize_t n = recv(fd, packet, DATAGRAM_MAX, MSG_DONTWAIT);

    (void)events;
    if (n < 0)
        return;
    process->service->datagram(process, str_from(packet, (size_t)n));
    if (state_count(process))
        service_retire(process);
    else
        state_wait(process);
}

/* What was sent before we were told to end is not lost. Bounded: others serve on. */
void events_drain(struct process *process)
{
    char *packet = process->own->kind;

    for (unsigned i = 0; i < process->own->options.sockets; i++)
        for (int left = DRAIN_MAX; left > 0; left--) {
            ssize_t n =
                recv(SCOREBOARD_LISTEN_FD + (int)i, packet, DATAGRAM_MAX, MSG_DONTWAIT);

            if (n < 0)
                break;
            process->service->datagram(process, str_from(packet, (size_t)n));
        }
}

int events_start(struct process *process, struct fail *why)
{
    struct service_state *own = process->own;
    bool datagrams = process->service->kind == SERVICE_DATAGRAM;
    bool fifo = str_is(str_of(own->options.type), "fifo");
    const struct service *service = process->service;

    if (datagrams)
        own->kind = arena_alloc(process->arena, DATAGRAM_MAX);
    if ((datagrams || service->trigger || service->connection) &&
        state_watch_listeners(process,
                              datagrams             ? read_datagram
                              : service->connection ? hand_over_connection
                              : fifo                ? read_fifo
                                                    : accept_caller,
                              why) < 0)
        return -1;
    state_idle(process);
    if (process->service->kind != SERVICE_LOOP)
        state_wait(process);
    return 0;
}
