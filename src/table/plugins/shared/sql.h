/*
 * What the SQL types share: the query, quoted and filled in; values of all columns of all
 * rows; servers that stand in for each other.
 *
 * A type gives a struct sql_client, and calls sql_open and sql_lookup from its own
 * functions. One without servers (sqlite) uses struct sql_rules, sql_query and
 * results_add alone.
 */
#ifndef TABLE_SQL_H
#define TABLE_SQL_H

#include "table/expansion.h"
#include "table/plugins/shared/servers.h"

struct sql_rules {
    const char *query;
    struct database_rules common;
};

/*
 * query, or the old form: select_function, or table, select_field, where_field and
 * additional_conditions.
 */
int sql_rules_open(struct sql_rules *rules, struct table *table,
                   const struct table_parameters *parameters,
                   struct fail *why) MUST_CHECK;

/* The query for key in out (maximum: SQL_QUERY_MAX); NOT_FOUND when nothing is to be
 * asked.
 */
enum { SQL_QUERY_MAX = 1 << 20 };
enum table_result sql_query(const struct sql_rules *rules, struct str key,
                            expansion_quote *quote, void *connection, struct buf *out,
                            struct fail *why) MUST_CHECK;

struct sql_client {
    struct servers_kind servers;
    expansion_quote *quote; /* its context is the connection */
    /*
     * Run query, and results_add each value. 0 = done, -1 = the server is of no use now,
     * 1 = error of another kind, which another server would not mend.
     */
    int (*run)(void *connection, const char *query, struct results *results,
               struct fail *why);
};

struct sql;

/* context: for connect. default_hosts: when the parameter hosts is not there. */
struct sql *sql_open(struct table *table, const struct table_parameters *parameters,
                     const struct sql_client *client, void *context,
                     const char *default_hosts, struct fail *why);
void sql_close(struct sql *sql); /* NULL is fine */
enum table_result sql_lookup(struct sql *sql, struct str key, struct arena *arena,
                             struct str *ret_value, struct fail *why) MUST_CHECK;

#endif
