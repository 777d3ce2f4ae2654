/*
 * What all kinds of service share: the scoreboard, the count of clients,
 * listening sockets, the dispatch of named requests.
 */
#include "service/state.h"

#include "net/listen.h"
#include "service/watchdog.h"
#include "util/log.h"
#include "util/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ACCEPT_PAUSE_MS = 1000 };

int service_time_limit(const struct process *process)
{
    const struct service *service = process->service;

    return service->time_limit ? service->time_limit(process->conf)
                               : process->conf->daemon_timeout;
}

bool service_retiring(const struct process *process)
{
    const struct service_state *own = process->own;

    return own->retiring ||
           (own->board && own->generation < atomic_load(&own->board->retire_before));
}

void service_retire(struct process *process)
{
    struct service_state *own = process->own;

    if (own->retiring)
        return;
    own->retiring = true;
    if (own->board)
        state_unwatch_listeners(process);
    if (own->board && scoreboard_leave(own->board, own->slot))
        eventfd_write(SCOREBOARD_WAKE_FD, 1);
    if (process->service->kind == SERVICE_DATAGRAM)
        events_drain(process);
    if (process->service->kind == SERVICE_MANY_CLIENTS)
        many_clients_retire(process);
    else if (process->service->retire)
        process->service->retire(process);
    else
        loop_stop(own->loop);
}

static void master_ended(void *context, int fd, int events)
{
    const struct process *process = context;

    (void)events;
    loop_unwatch(process->own->loop, fd);
    loop_stop(process->own->loop);
}

bool service_detach(struct process *process)
{
    struct service_state *own = process->own;
    /* Master knows nothing of the copy, which must not outlive it all the same. */
    int master = own->board ? platform_process_fd(getppid()) : -1;
    pid_t copy = master >= 0 ? fork() : -1;
    struct fail why;

    if (copy > 0)
        _exit(0);
    if (copy < 0) {
        if (master >= 0)
            close(master);
        return false;
    }
    if (loop_watch(own->loop, master, LOOP_READ, master_ended, process, &why) < 0)
        fatal("%s", why.text);
    for (unsigned i = 0; i < own->options.sockets; i++)
        close(SCOREBOARD_LISTEN_FD + (int)i);
    own->board = NULL; /* the place may soon be another's */
    watchdog_start(service_time_limit(process));
    return true;
}

bool state_count(struct process *process)
{
    struct service_state *own = process->own;

    watchdog_progress();
    own->served++;
    if (own->board)
        atomic_store_explicit(&own->board->slot[own->slot].served, own->served,
                              memory_order_relaxed);
    return state_used_up(process);
}

bool state_outdated(struct process *process)
{
    const char *changed =
        process->service->outdated ? process->service->outdated(process) : NULL;

    if (changed == NULL)
        return false;
    log_info("table %s has changed -- restarting", changed);
    service_retire(process);
    return true;
}

bool state_used_up(const struct process *process)
{
    return !(process->service->flags & SERVICE_FOREVER) && process->conf->max_use > 0 &&
           process->own->served >= (unsigned)process->conf->max_use;
}

static void set_idle_timer(struct process *process);

static void nothing_came(void *context)
{
    struct process *process = context;
    struct service_state *own = process->own;
    int64_t idle_ms = loop_now_ms(own->loop) - own->idle_since_ms;

    own->idle_timer = NULL;
    if (process->service->between && process->service->between(process))
        service_retire(process);
    else if (own->clients == 0 && state_outdated(process))
        return;
    else if (own->clients == 0 && idle_ms >= (int64_t)process->conf->max_idle * 1000 &&
             !(process->service->flags & SERVICE_FOREVER))
        loop_stop(own->loop);
    else
        set_idle_timer(process);
}

/* One timer, that stays while clients come and go: when it fires, the time that it
 * looks at may be later than the one it was set for. */
static void set_idle_timer(struct process *process)
{
    struct service_state *own = process->own;
    int64_t limit = (int64_t)process->conf->max_idle * 1000;
    int64_t rest = own->idle_since_ms + limit - loop_now_ms(own->loop);
    int64_t tidy = (int64_t)process->conf->ipc_idle * 1000;

    if (own->clients > 0 || rest <= 0)
        rest = limit;
    if ((process->service->between || process->service->outdated) && tidy < rest)
        rest = tidy;
    own->idle_timer = loop_timer(own->loop, rest, nothing_came, process);
}

void state_wait(struct process *process)
{
    struct service_state *own = process->own;
    bool never = process->service->flags & SERVICE_FOREVER && !process->service->between;

    own->idle_since_ms = clock_ms(loop_clock(own->loop));
    if (!own->idle_timer && !never)
        set_idle_timer(process);
}

void state_idle(struct process *process)
{
    struct service_state *own = process->own;

    if (own->board)
        scoreboard_idle(own->board, own->slot);
}

void state_busy(struct process *process)
{
    struct service_state *own = process->own;

    if (own->board && scoreboard_busy(own->board, own->slot))
        eventfd_write(SCOREBOARD_WAKE_FD, 1); /* fails when master is gone: no matter */
}

int state_watch_listeners(struct process *process,
                          void (*accept)(void *process, int listener, int events),
                          struct fail *why)
{
    struct service_state *own = process->own;

    own->accept = accept;
    for (unsigned i = 0; i < own->options.sockets; i++) {
        int fd = SCOREBOARD_LISTEN_FD + (int)i;

        /* Others may take the connection first: never wait in accept. */
        if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
            return fail_set(why, "listening socket %d: %m", fd);
        if (loop_watch(own->loop, fd, LOOP_READ | LOOP_EXCLUSIVE, accept, process, why) <
            0)
            return -1;
    }
    return 0;
}

void state_unwatch_listeners(struct process *process)
{
    struct service_state *own = process->own;

    for (unsigned i = 0; i < own->options.sockets; i++)
        loop_unwatch(own->loop, SCOREBOARD_LISTEN_FD + (int)i);
}

static void accept_again(void *context)
{
    struct process *process = context;
    struct fail why;

    process->own->accept_pause = NULL;
    if (!process->own->retiring &&
        state_watch_listeners(process, process->own->accept, &why) < 0)
        fatal("%s: %s", process->name, why.text);
}

/* Out of descriptors or memory: the connection waits in the socket, and may be taken by
 * another process; those that we have go on. */
static void pause_accepting(struct process *process)
{
    struct service_state *own = process->own;

    state_unwatch_listeners(process);
    if (!own->accept_pause)
        own->accept_pause = loop_timer(own->loop, ACCEPT_PAUSE_MS, accept_again, process);
}

int state_accept(struct process *process, int listener, struct netaddr *ret_peer)
{
    struct fail why;
    int fd = listen_accept(listener, process->own->inet ? ret_peer : NULL, &why);

    if (fd >= 0 && !process->own->inet)
        *ret_peer = (struct netaddr){.family = NETADDR_UNIX};
    if (fd < 0 && why.code != EAGAIN) {
        log_warning("%s: %s", process->name, why.text);
        pause_accepting(process);
    }
    return fd;
}

static const struct request *find_request(const struct service *service, const char *name)
{
    for (const struct request *r = service->requests; r->name; r++)
        if (strcmp(r->name, name) == 0)
            return r;
    return NULL;
}

int request_answer(struct client *client, struct fail *why)
{
    const char *name = NULL;
    const struct request *request;
    int got = ipc_receive_request(client->stream, client->arena, &name, why);

    if (got <= 0)
        return got;
    request = find_request(client->process->service, name);
    if (!request)
        return fail_set(why, "unknown request \"%.100s\"", name);
    return request->answer(client, why) < 0 ? -1 : 1;
}
