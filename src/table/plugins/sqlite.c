/*
 * sqlite:file - a query of an SQLite database, sqlite_table(5). The database is
 * opened for reading only; a writer who holds it for long makes the lookup an error.
 */
#include "table/plugins/shared/sql.h"

#include <sqlite3.h>

enum { BUSY_MS = 5000 };

struct sqlite {
    struct sql_rules rules;
    sqlite3 *db;
    bool in_double_quotes; /* the query puts a part of the key there */
};

/* Does a part of the key stand between double quotes? */
static bool quotes_twice(const char *query)
{
    char quote = 0;

    for (const char *p = query; *p; p++) {
        if (quote == '"' && *p == '%' && p[1] && p[1] != '%')
            return true;
        if (*p == quote)
            quote = 0;
        else if (!quote && (*p == '"' || *p == '\''))
            quote = *p;
    }
    return false;
}

static int sqlite_open(struct table *table, struct fail *why)
{
    struct sqlite *sqlite = ARENA_NEW(table->arena, struct sqlite);
    const struct table_parameters *parameters = table_parameters_open(table, why);
    const char *path;

    table->state = sqlite;
    if (!parameters || table_needed(parameters, "dbpath", &path, why) < 0 ||
        sql_rules_open(&sqlite->rules, table, parameters, why) < 0)
        return -1;
    sqlite->in_double_quotes = quotes_twice(sqlite->rules.query);
    if (sqlite->in_double_quotes)
        table_warn(table,
                   "%s: the query has a part of the key in double quotes: use single "
                   "quotes; keys with a double quote are not looked up",
                   table->name);
    if (sqlite3_open_v2(path, &sqlite->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        return fail_set(why, "open database %s: %s", path, sqlite3_errmsg(sqlite->db));
    sqlite3_busy_timeout(sqlite->db, BUSY_MS);
    return 0;
}

static void sqlite_close(struct table *table)
{
    struct sqlite *sqlite = table->state;

    if (sqlite)
        sqlite3_close(sqlite->db);
}

/* Between single quotes only these mean anything. */
static enum table_result sqlite_quote(void *context, struct str text, struct buf *out,
                                      struct fail *why)
{
    const struct sqlite *sqlite = context;

    (void)why;
    if (sqlite->in_double_quotes && str_find(text, '"') < text.n)
        return TABLE_NOT_FOUND;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\'')
            buf_add_char(out, '\'');
        buf_add_char(out, text.p[i]);
    }
    return TABLE_FOUND;
}

/* compat: the first column alone */
static int take_row(sqlite3_stmt *statement, struct results *results, struct fail *why)
{
    const char *text = (const char *)sqlite3_column_text(statement, 0);
    size_t n = (size_t)sqlite3_column_bytes(statement, 0);

    return text ? results_add(results, str_from(text, n), why) : 0;
}

static int run(struct sqlite *sqlite, const char *query, struct results *results,
               struct fail *why)
{
    sqlite3_stmt *statement = NULL;
    int status = sqlite3_prepare_v2(sqlite->db, query, -1, &statement, NULL), result = 0;

    if (status == SQLITE_OK)
        while ((status = sqlite3_step(statement)) == SQLITE_ROW && result == 0)
            result = take_row(statement, results, why);
    if (result == 0 && status != SQLITE_DONE)
        result = fail_set(why, "%s", sqlite3_errmsg(sqlite->db));
    sqlite3_finalize(statement);
    return result;
}

static enum table_result ask(struct sqlite *sqlite, const char *query, struct str key,
                             struct arena *arena, struct str *ret_value, struct fail *why)
{
    struct results results;
    enum table_result result = TABLE_ERROR;

    results_init(&results, &sqlite->rules.common, key);
    if (run(sqlite, query, &results, why) == 0)
        result = results_answer(&results, arena, ret_value);
    results_done(&results);
    return result;
}

static enum table_result sqlite_lookup(struct table *table, struct str key,
                                       struct arena *arena, struct str *ret_value,
                                       struct fail *why)
{
    struct sqlite *sqlite = table->state;
    enum table_result result = database_wants(&sqlite->rules.common, key, why);
    struct buf query;

    if (result != TABLE_FOUND)
        return result;
    buf_init(&query, SQL_QUERY_MAX);
    result = sql_query(&sqlite->rules, key, sqlite_quote, sqlite, &query, why);
    if (result == TABLE_FOUND)
        result = ask(sqlite, buf_text(&query), key, arena, ret_value, why);
    buf_done(&query);
    return result;
}

static const struct table_type table_sqlite = {
    .name = "sqlite",
    .traits = TABLE_FIXED,
    .open = sqlite_open,
    .lookup = sqlite_lookup,
    .close = sqlite_close,
};

TABLE_PLUGIN(&table_sqlite);
