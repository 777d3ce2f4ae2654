/*
 * One client at a time: accept, serve with blocking reads and writes, wait
 * again. While a client is served nothing else happens in this process, so
 * the retire pipe is seen afterwards; kept connections are told by the
 * scoreboard (service_retiring) and closed after the answer.
 */
#include "service/state.h"

#include "service/watchdog.h"
#include "util/clock.h"
#include "util/log.h"

#include <unistd.h>

/* Must this connection, kept since `since`, be let go of at the next chance? Else a busy
 * one would keep its process from ever being used up. */
static bool is_to_end(const struct process *process, int64_t since)
{
    return state_used_up(process) || service_retiring(process) ||
           clock_ms(&clock_system) - since >= process->conf->ipc_ttl * INT64_C(1000);
}

/* Did no request come in time, or is it, not read yet, for a new process to answer? */
static bool is_over(struct client *client)
{
    struct process *process = client->process;

    if (!process->service->outdated || stream_buffered(client->stream).n > 0)
        return false;
    return !stream_wait(client->stream, process->conf->ipc_timeout * INT64_C(1000)) ||
           state_outdated(process);
}

/* A kept connection is one use, as the manual has it, however many requests it brings. */
static void serve_requests(struct client *client)
{
    struct process *process = client->process;
    const int64_t since = clock_ms(&clock_system);
    bool first = true, last = false;

    ipc_announce(client->stream, process->service->name);
    if (stream_flush(client->stream) != STREAM_OK)
        return;
    while (!last && !is_over(client)) {
        struct fail why = {0};
        int result = request_answer(client, &why);

        if (result < 0 && why.text[0])
            log_warning("%s: %s", process->name, why.text);
        if (first)
            state_count(process);
        else
            watchdog_progress();
        first = false;
        /* Who wrote a request behind one that has no answer could not tell it was lost.
         */
        last = result <= 0 ||
               (is_to_end(process, since) && stream_buffered(client->stream).n == 0);
        if (result > 0 && stream_flush(client->stream) != STREAM_OK)
            return;
        arena_reset(client->arena);
    }
}

static void serve_client(struct process *process, const struct passed_client *come)
{
    struct client client = {.process = process,
                            .stream = stream_new(come->fd, 0),
                            .arena = process->own->request_arena,
                            .peer = come->peer,
                            .local = come->local};

    if (process->service->requests)
        stream_poll_first(client.stream);
    stream_set_timeout(client.stream, (int64_t)process->conf->ipc_timeout * 1000);
    if (process->service->flags & SERVICE_TAKES_FDS)
        stream_accept_fds(client.stream);
    if (process->service->requests) {
        serve_requests(&client);
    } else {
        process->service->serve(&client);
        state_count(process);
    }
    if (client.gone)
        client.gone(&client);
    stream_free(client.stream);
    arena_reset(client.arena);
}

static void between_clients(struct process *process)
{
    struct service_state *own = process->own;

    if (service_retiring(process) || state_used_up(process) ||
        (process->service->between && process->service->between(process))) {
        own->retiring = true;
        loop_stop(own->loop);
        return;
    }
    state_idle(process);
    state_wait(process);
    watchdog_rest(true);
}

static void accept_client(void *context, int listener, int events)
{
    struct process *process = context;
    struct passed_client come = {0};
    struct fail why;

    (void)events;
    if (process->own->retiring || state_outdated(process) ||
        (come.fd = state_accept(process, listener, &come.peer)) < 0)
        return;
    watchdog_rest(false);
    state_busy(process);
    if (process->own->inet)
        netaddr_of_own_end(come.fd, &come.local);
    if (process->own->pass && pass_receive(process, come.fd, &come, &why) < 0)
        log_warning("%s: %s", process->name, why.text);
    else
        serve_client(process, &come);
    between_clients(process);
}

int one_client_start(struct process *process, struct fail *why)
{
    process->own->request_arena = arena_new("request");
    if (state_watch_listeners(process, accept_client, why) < 0)
        return -1;
    between_clients(process);
    return 0;
}

/* Standard input and output need not be one socket. */
static ssize_t read_input(void *state, void *p, size_t n)
{
    (void)state;
    return read(STDIN_FILENO, p, n);
}

static ssize_t write_output(void *state, const void *p, size_t n)
{
    (void)state;
    return write(STDOUT_FILENO, p, n);
}

static const struct stream_ops stand_alone_ops = {.read = read_input,
                                                  .write = write_output};

void one_client_stand_alone(struct process *process)
{
    struct client client = {.process = process,
                            .stream = stream_new(STDIN_FILENO, 0),
                            .arena = arena_new("request")};

    stream_set_ops(client.stream, &stand_alone_ops, NULL);
    process->service->serve(&client);
    if (client.gone)
        client.gone(&client);
    stream_free(client.stream);
    arena_free(client.arena);
}
