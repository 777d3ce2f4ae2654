/* Choosing among the servers of a table: see servers.h. */
#include "table/plugins/shared/servers.h"

#include "util/clock.h"
#include "util/list.h"

#include <stdlib.h>
#include <sys/random.h>

enum { DEFAULT_IDLE = 60, DEFAULT_RETRY = 60 };

struct server {
    const char *name;
    bool is_local;     /* a UNIX socket */
    void *connection;  /* NULL = none */
    int64_t used_ms;   /* when it last answered */
    int64_t failed_ms; /* when it last failed; 0 = it did not */
    bool was_tried;    /* during this question */
};

struct servers {
    struct server *items;
    size_t n;
    const struct servers_kind *kind;
    void *context;
    int64_t idle_ms, retry_ms;
};

struct servers *servers_new(const char *names, const struct servers_kind *kind,
                            void *context, const struct table_parameters *parameters,
                            struct arena *arena, struct fail *why)
{
    struct servers *servers = ARENA_NEW(arena, struct servers);
    struct texts texts = {0};
    int idle, retry;

    if (table_number(parameters, "idle_interval", DEFAULT_IDLE, &idle, why) < 0 ||
        table_number(parameters, "retry_interval", DEFAULT_RETRY, &retry, why) < 0)
        return NULL;
    texts_split(&texts, arena, str_of(names), ", \t\r\n");
    servers->items = arena_array(arena, texts.n, sizeof(struct server));
    servers->n = texts.n;
    servers->kind = kind;
    servers->context = context;
    servers->idle_ms = idle * 1000L;
    servers->retry_ms = retry * 1000L;
    for (size_t i = 0; i < texts.n; i++) {
        struct str name = str_of(texts.items[i]);

        if (str_starts(name, "unix:") || str_starts(name, "inet:"))
            name = str_tail(name, strlen("unix:"));
        servers->items[i].name = name.p;
        servers->items[i].is_local = name.n > 0 && name.p[0] == '/';
    }
    return servers;
}

static void disconnect(struct servers *servers, struct server *server)
{
    if (server->connection)
        servers->kind->close(server->connection);
    server->connection = NULL;
}

void servers_close(struct servers *servers)
{
    for (size_t i = 0; servers && i < servers->n; i++)
        disconnect(servers, &servers->items[i]);
}

/* How good a choice a server is; 0 = none. */
static int rank(const struct servers *servers, const struct server *server, int64_t now)
{
    /* the only one there is has to be asked whenever there is a question */
    bool rests = server->failed_ms && servers->n > 1 &&
                 now - server->failed_ms < servers->retry_ms;

    if (server->was_tried || rests)
        return 0;
    return 1 + (server->connection ? 2 : 0) + (server->is_local ? 1 : 0);
}

static unsigned chance(unsigned n)
{
    unsigned number = 0;

    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
        number = 0;
    return number % n;
}

static struct server *choose(struct servers *servers, int64_t now)
{
    struct server *best = NULL;
    unsigned equals = 0;

    for (size_t i = 0; i < servers->n; i++) {
        struct server *server = &servers->items[i];
        int own = rank(servers, server, now), other = best ? rank(servers, best, now) : 0;

        if (own == 0 || own < other)
            continue;
        equals = own == other ? equals + 1 : 1;
        if (chance(equals) == 0)
            best = server;
    }
    return best;
}

/* One try on one server; a connection that was kept may have gone away, and is made once
 * more before the server counts as failed. */
static int ask_server(struct servers *servers, struct server *server,
                      servers_question *ask, void *context, struct fail *why)
{
    bool was_kept = server->connection != NULL;

    for (int i = was_kept ? 0 : 1; i < 2; i++) {
        if (!server->connection)
            server->connection =
                servers->kind->connect(servers->context, server->name, why);
        if (!server->connection)
            return fail_prefix(why, "connect to %s", server->name);
        if (ask(server->connection, context, why) == 0)
            return 0;
        disconnect(servers, server);
    }
    return fail_prefix(why, "%s", server->name);
}

int servers_ask(struct servers *servers, servers_question *ask, void *context,
                struct fail *why)
{
    int64_t now = clock_ms(&clock_system);
    struct server *server;

    fail_set(why, "no server is left to ask: all failed within retry_interval");
    for (size_t i = 0; i < servers->n; i++) {
        server = &servers->items[i];
        server->was_tried = false;
        if (server->connection && now - server->used_ms >= servers->idle_ms)
            disconnect(servers, server);
    }
    while ((server = choose(servers, now))) {
        if (ask_server(servers, server, ask, context, why) == 0) {
            server->used_ms = clock_ms(&clock_system);
            server->failed_ms = 0;
            return 0;
        }
        server->was_tried = true;
        server->failed_ms = clock_ms(&clock_system);
    }
    return -1;
}
