/*
 * pgsql:file - a query of a PostgreSQL server, pgsql_table(5).
 *
 * Queries are sent without waiting in libpq, so that a server that accepts and then says
 * nothing costs the time limit and not the process.
 */
#include "table/plugins/shared/sql.h"
#include "table/type.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/wait.h"

#include <errno.h>
#include <postgresql/libpq-fe.h>
#include <stdlib.h>

enum { DEFAULT_TIMEOUT = 60 };

struct pgsql {
    struct sql *sql;
    const char *user, *password, *dbname, *encoding;
    int timeout;
    const char *timeout_text; /* the same for libpq, and in milliseconds */
    const char *timeout_ms_text;
};

struct link {
    PGconn *pg;
    int64_t timeout_ms;
};

/* libpq's words come with a line end, and at times in several lines. */
static int failed(PGconn *pg, struct fail *why)
{
    struct str text = str_trim(str_of(PQerrorMessage(pg)));

    return fail_set(why, "%.*s", STR_ARG(str_head(text, str_find(text, '\n'))));
}

/* "host:port" of the network in two; a URI and the folder of a socket stay whole. */
static void split_name(const char *name, char *host, size_t size, const char **ret_port)
{
    const char *colon = strrchr(name, ':');
    size_t n = strlen(name);

    *ret_port = NULL;
    if (name[0] != '/' && colon && (strchr(name, ':') == colon || colon[-1] == ']')) {
        *ret_port = colon + 1;
        n = (size_t)(colon - name);
    }
    if (name[0] == '[' && n > 1 && name[n - 1] == ']') {
        name++;
        n -= 2;
    }
    n = n < size ? n : size - 1;
    memcpy(host, name, n);
    host[n] = '\0';
}

static PGconn *connect_to(const struct pgsql *pgsql, const char *name)
{
    bool is_uri =
        strncmp(name, "postgresql://", 13) == 0 || strncmp(name, "postgres://", 11) == 0;
    char host[256];
    const char *port;
    const char *const names[] = {"user",
                                 "password",
                                 "connect_timeout",
                                 "tcp_user_timeout",
                                 "fallback_application_name",
                                 "dbname",
                                 is_uri ? NULL : "host",
                                 "port",
                                 NULL};
    const char *values[] = {pgsql->user,
                            pgsql->password,
                            pgsql->timeout_text,
                            pgsql->timeout_ms_text,
                            "postfix",
                            is_uri ? name : pgsql->dbname,
                            host,
                            NULL,
                            NULL};

    split_name(name, host, sizeof(host), &port);
    values[7] = port;
    return PQconnectdbParams(names, values, 1);
}

static void *pgsql_connect(void *context, const char *name, struct fail *why)
{
    const struct pgsql *pgsql = context;
    PGconn *pg = connect_to(pgsql, name);
    struct link *link;

    if (PQstatus(pg) != CONNECTION_OK || PQsetClientEncoding(pg, pgsql->encoding) < 0) {
        failed(pg, why);
        PQfinish(pg);
        return NULL;
    }
    link = malloc(sizeof(*link));
    if (!link)
        panic("out of memory");
    *link = (struct link){pg, pgsql->timeout * 1000L};
    return link;
}

static void pgsql_disconnect(void *connection)
{
    struct link *link = connection;

    PQfinish(link->pg);
    free(link);
}

static enum table_result pgsql_quote(void *connection, struct str text, struct buf *out,
                                     struct fail *why)
{
    struct link *link = connection;
    int error = 0;
    size_t n = PQescapeStringConn(link->pg, buf_reserve(out, 2 * text.n + 1), text.p,
                                  text.n, &error);

    (void)why;
    if (error) /* not of the encoding, so that no text there is equal */
        return TABLE_NOT_FOUND;
    buf_added(out, n);
    return TABLE_FOUND;
}

/* The next result of the query, NULL at the end; -1 when it does not come. */
static int wait_result(const struct link *link, int64_t until, PGresult **ret,
                       struct fail *why)
{
    while (PQisBusy(link->pg)) {
        int64_t left = until - clock_ms(&clock_system);
        int ready = wait_one(PQsocket(link->pg), POLLIN, left > 0 ? left : 0);

        if (ready == 0)
            return fail_set(why, "no answer within %ld s", (long)link->timeout_ms / 1000);
        if (ready < 0)
            return fail_set(why, "poll: %m");
        if (!PQconsumeInput(link->pg))
            return failed(link->pg, why);
    }
    *ret = PQgetResult(link->pg);
    return 0;
}

/* 0, 1 = too many values; -1 */
static int take_rows(const struct link *link, const PGresult *result,
                     struct results *results, struct fail *why)
{
    ExecStatusType status = PQresultStatus(result);

    if (*PQresultErrorMessage(result))
        return failed(link->pg, why);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        return fail_set(why, "the query gives no rows but %s", PQresStatus(status));
    for (int row = 0; row < PQntuples(result); row++)
        for (int column = 0; column < PQnfields(result); column++) {
            struct str value = str_from(PQgetvalue(result, row, column),
                                        (size_t)PQgetlength(result, row, column));

            if (results_add(results, value, why) < 0)
                return 1;
        }
    return 0;
}

static int pgsql_run(void *connection, const char *query, struct results *results,
                     struct fail *why)
{
    const struct link *link = connection;
    int64_t until = clock_ms(&clock_system) + link->timeout_ms;
    PGresult *result = NULL;
    int status = 0;

    if (!PQsendQuery(link->pg, query))
        return failed(link->pg, why);
    while (true) {
        if (wait_result(link, until, &result, status == 0 ? why : NULL) < 0)
            return -1;
        if (!result)
            return status;
        if (status == 0)
            status = take_rows(link, result, results, why);
        PQclear(result);
        if (status < 0) /* in the midst of COPY, results would not end */
            return -1;
    }
}

static const struct sql_client client = {
    .servers = {.connect = pgsql_connect, .close = pgsql_disconnect},
    .quote = pgsql_quote,
    .run = pgsql_run,
};

static int pgsql_open(struct table *table, struct fail *why)
{
    struct pgsql *pgsql = ARENA_NEW(table->arena, struct pgsql);
    const struct table_parameters *parameters = table_parameters_open(table, why);

    if (!parameters ||
        table_number(parameters, "timeout", DEFAULT_TIMEOUT, &pgsql->timeout, why) < 0)
        return -1;
    pgsql->user = table_text(parameters, "user", NULL);
    pgsql->password = table_text(parameters, "password", NULL);
    pgsql->dbname = table_text(parameters, "dbname", NULL);
    pgsql->encoding = table_text(parameters, "encoding", "UTF8");
    pgsql->timeout_text = arena_printf(table->arena, "%d", pgsql->timeout);
    pgsql->timeout_ms_text = arena_printf(table->arena, "%d000", pgsql->timeout);
    pgsql->sql = sql_open(table, parameters, &client, pgsql, "localhost", why);
    table->state = pgsql;
    return pgsql->sql ? 0 : -1;
}

static enum table_result pgsql_lookup(struct table *table, struct str key,
                                      struct arena *arena, struct str *ret_value,
                                      struct fail *why)
{
    const struct pgsql *pgsql = table->state;

    return sql_lookup(pgsql->sql, key, arena, ret_value, why);
}

static void pgsql_close(struct table *table)
{
    const struct pgsql *pgsql = table->state;

    if (pgsql)
        sql_close(pgsql->sql);
}

static const struct table_type table_pgsql = {
    .name = "pgsql",
    .traits = TABLE_FIXED,
    .open = pgsql_open,
    .lookup = pgsql_lookup,
    .close = pgsql_close,
};

TABLE_PLUGIN(&table_pgsql);
