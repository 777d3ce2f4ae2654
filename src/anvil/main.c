/*
 * anvil(8): counts what clients do, for servers that limit it. It decides
 * nothing: smtpd compares the counts with its limits.
 *
 * A connection that a server told of ends when the server says so, or when
 * that server is gone. Reading order: main.c (requests), counters.c,
 * statistics.c (the peaks in the log).
 */
#include "anvil/counters.h"
#include "anvil/statistics.h"
#include "service/service.h"
#include "util/map.h"
#include "util/memory.h"

struct anvil {
    struct counters *counters;
    int64_t window_ms, status_ms;
    int window; /* seconds, for log lines */
    struct loop *loop;
};

/* Connections that one server told of and did not take back: client -> how many. */
struct server {
    struct anvil *anvil;
    struct map *held;
};

struct held {
    int connections;
};

/* --- what servers hold ---------------------------------------------------------- */

static void release_all(void *context, struct str client, void *value)
{
    struct anvil *anvil = context;
    const struct held *held = value;

    for (int i = 0; i < held->connections; i++)
        counters_disconnect(anvil->counters, client);
}

static void server_gone(struct client *client)
{
    struct server *server = client->state;

    map_each(server->held, release_all, server->anvil);
    map_free(server->held, free);
    free(server);
}

static struct server *server_of(struct client *client)
{
    struct server *server = client->state;

    if (server)
        return server;
    server = MEMORY_NEW(struct server);
    server->anvil = client->process->state;
    server->held = map_new();
    client->state = server;
    client->gone = server_gone;
    return server;
}

static void hold(struct server *server, struct str client)
{
    struct held *held = map_get(server->held, client);

    if (!held) {
        held = MEMORY_NEW(struct held);
        map_set(server->held, client, held);
    }
    held->connections++;
}

/* False when the server did not hold such a connection. */
static bool let_go(struct server *server, struct str client)
{
    struct held *held = map_get(server->held, client);

    if (!held)
        return false;
    if (--held->connections == 0) {
        map_remove(server->held, client);
        free(held);
    }
    return true;
}

/* --- requests --------------------------------------------------------------------- */

static int answer_count(struct client *client, struct fail *why)
{
    struct server *server = server_of(client);
    struct client_did did;
    int rate, connections;

    if (ipc_receive(client->stream, &client_did_message, client->arena, &did, why) < 0)
        return -1;
    if (did.event < 0 || did.event >= CLIENT_EVENTS)
        return fail_set(why, "unknown client event %lld", (long long)did.event);
    counters_add(server->anvil->counters, str_of(did.client),
                 (enum client_event)did.event, &rate, &connections);
    if (did.event == CLIENT_CONNECT)
        hold(server, str_of(did.client));
    ipc_put(client->stream, &client_counts_message,
            &(struct client_counts){.rate = rate, .connections = connections});
    return 0;
}

/* How often, without counting anything. */
static int answer_look(struct client *client, struct fail *why)
{
    struct server *server = server_of(client);
    struct client_did did;
    struct client_counts counts = {0};

    if (ipc_receive(client->stream, &client_did_message, client->arena, &did, why) < 0)
        return -1;
    if (did.event < 0 || did.event >= CLIENT_EVENTS)
        return fail_set(why, "unknown client event %lld", (long long)did.event);
    counts.rate = counters_rate(server->anvil->counters, str_of(did.client),
                                (enum client_event)did.event);
    ipc_put(client->stream, &client_counts_message, &counts);
    return 0;
}

static int answer_disconnect(struct client *client, struct fail *why)
{
    struct server *server = server_of(client);
    struct client_gone gone;

    if (ipc_receive(client->stream, &client_gone_message, client->arena, &gone, why) < 0)
        return -1;
    if (let_go(server, str_of(gone.client)))
        counters_disconnect(server->anvil->counters, str_of(gone.client));
    return 0;
}

/* --- the process -------------------------------------------------------------------- */

static void expire_again(void *context)
{
    struct anvil *anvil = context;

    counters_expire(anvil->counters);
    loop_timer(anvil->loop, anvil->window_ms, expire_again, anvil);
}

static void report_again(void *context)
{
    struct anvil *anvil = context;

    statistics_log(anvil->counters, anvil->window);
    counters_reset_peaks(anvil->counters);
    loop_timer(anvil->loop, anvil->status_ms, report_again, anvil);
}

static int start(struct process *process, struct fail *why)
{
    struct anvil *anvil = ARENA_NEW(process->arena, struct anvil);
    const struct conf *conf = process->conf;

    if (conf->anvil_rate_time_unit < 1)
        return fail_set(why, "anvil_rate_time_unit must be at least one second");
    anvil->window = conf->anvil_rate_time_unit;
    anvil->window_ms = anvil->window * 1000L;
    anvil->status_ms = conf->anvil_status_update_time * 1000L;
    anvil->loop = process->loop;
    anvil->counters = counters_new(loop_clock(process->loop), anvil->window_ms);
    process->state = anvil;
    loop_timer(anvil->loop, anvil->window_ms, expire_again, anvil);
    if (anvil->status_ms > 0)
        loop_timer(anvil->loop, anvil->status_ms, report_again, anvil);
    return 0;
}

static void stop(struct process *process)
{
    struct anvil *anvil = process->state;

    statistics_log(anvil->counters, anvil->window);
}

static const struct request requests[] = {
    {"count", answer_count},
    {"look", answer_look},
    {"disconnect", answer_disconnect},
    {0},
};

static const struct service anvil = {
    .name = "anvil",
    .kind = SERVICE_MANY_CLIENTS,
    .after_jail = start,
    .before_exit = stop,
    .requests = requests,
    .flags = SERVICE_SOLE,
};

int main(int argc, char **argv)
{
    return service_run(&anvil, argc, argv);
}
