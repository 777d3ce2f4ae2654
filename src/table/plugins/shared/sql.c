/* The common part of SQL tables: see sql.h. */
#include "table/plugins/shared/sql.h"

struct sql {
    struct sql_rules rules;
    const struct sql_client *client;
    struct servers *servers;
};

/* compat: how a query was given before there was the parameter query */
static const char *old_query(const struct table_parameters *parameters,
                             struct arena *arena, struct fail *why)
{
    const char *function = table_text(parameters, "select_function", "");
    const char *table, *select_field, *where_field;

    if (*function)
        return arena_printf(arena, "SELECT %s('%%s')", function);
    if (table_needed(parameters, "table", &table, why) < 0 ||
        table_needed(parameters, "select_field", &select_field, why) < 0 ||
        table_needed(parameters, "where_field", &where_field, why) < 0)
        return NULL;
    return arena_printf(arena, "SELECT %s FROM %s WHERE %s = '%%s' %s", select_field,
                        table, where_field,
                        table_text(parameters, "additional_conditions", ""));
}

int sql_rules_open(struct sql_rules *rules, struct table *table,
                   const struct table_parameters *parameters, struct fail *why)
{
    rules->query = table_text(parameters, "query", NULL);
    if (!rules->query)
        rules->query = old_query(parameters, table->arena, why);
    if (!rules->query)
        return fail_prefix(why, "no query");
    if (expansion_check(rules->query, "query", why) < 0)
        return -1;
    return database_rules_open(&rules->common, table, parameters, why);
}

enum table_result sql_query(const struct sql_rules *rules, struct str key,
                            expansion_quote *quote, void *connection, struct buf *out,
                            struct fail *why)
{
    struct expansion expansion = {
        .template = rules->query, .key = key, .quote = quote, .context = connection};

    return expansion_make(&expansion, out, why);
}

struct sql *sql_open(struct table *table, const struct table_parameters *parameters,
                     const struct sql_client *client, void *context,
                     const char *default_hosts, struct fail *why)
{
    struct sql *sql = ARENA_NEW(table->arena, struct sql);

    sql->client = client;
    if (sql_rules_open(&sql->rules, table, parameters, why) < 0)
        return NULL;
    sql->servers = servers_new(table_text(parameters, "hosts", default_hosts),
                               &client->servers, context, parameters, table->arena, why);
    return sql->servers ? sql : NULL;
}

void sql_close(struct sql *sql)
{
    if (sql)
        servers_close(sql->servers);
}

struct lookup {
    const struct sql *sql;
    struct str key;
    struct arena *arena;
    struct str *ret_value;
    enum table_result result;
    struct fail why; /* of an error that is no server's fault */
};

static int run(struct lookup *lookup, void *connection, const char *query,
               struct fail *why)
{
    const struct sql *sql = lookup->sql;
    struct results results;
    int status;

    results_init(&results, &sql->rules.common, lookup->key);
    status = sql->client->run(connection, query, &results, why);
    if (status == 0)
        lookup->result = results_answer(&results, lookup->arena, lookup->ret_value);
    results_done(&results);
    if (status <= 0)
        return status;
    lookup->why = *why;
    lookup->result = TABLE_ERROR;
    return 0;
}

static int ask(void *connection, void *context, struct fail *why)
{
    struct lookup *lookup = context;
    struct buf query;
    int status = 0;

    buf_init(&query, SQL_QUERY_MAX);
    lookup->result =
        sql_query(&lookup->sql->rules, lookup->key, lookup->sql->client->quote,
                  connection, &query, &lookup->why);
    if (lookup->result == TABLE_FOUND)
        status = run(lookup, connection, buf_text(&query), why);
    buf_done(&query);
    return status;
}

enum table_result sql_lookup(struct sql *sql, struct str key, struct arena *arena,
                             struct str *ret_value, struct fail *why)
{
    struct lookup lookup = {
        .sql = sql, .key = key, .arena = arena, .ret_value = ret_value};
    enum table_result wanted = database_wants(&sql->rules.common, key, why);
    struct buf query;

    /* when there is nothing to ask, no server is needed to know */
    buf_init(&query, SQL_QUERY_MAX);
    if (wanted == TABLE_FOUND)
        wanted = sql_query(&sql->rules, key, NULL, NULL, &query, why);
    buf_done(&query);
    if (wanted != TABLE_FOUND)
        return wanted;
    if (servers_ask(sql->servers, ask, &lookup, why) < 0)
        return TABLE_ERROR;
    if (lookup.result == TABLE_ERROR)
        return fail_set(why, "%s", lookup.why.text);
    return lookup.result;
}
