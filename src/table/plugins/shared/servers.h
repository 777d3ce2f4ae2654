/*
 * The servers of one table, in no order: connections are kept, load is spread, and one
 * that failed is left alone for a while.
 *
 * A server that is connected is preferred to one that is not, a UNIX socket to the
 * network; among equals chance decides.
 */
#ifndef TABLE_SERVERS_H
#define TABLE_SERVERS_H

#include "table/parameters.h"

/* How one kind of database is reached. */
struct servers_kind {
    /* name: as in the list, without "inet:"; of "unix:path" the path, which begins with
     * "/". NULL with why on failure. */
    void *(*connect)(void *context, const char *name, struct fail *why);
    void (*close)(void *connection);
};

struct servers;

/* names: separated by blanks and commas. Takes idle_interval and retry_interval from
 * parameters. Lives as long as the table. */
struct servers *servers_new(const char *names, const struct servers_kind *kind,
                            void *context, const struct table_parameters *parameters,
                            struct arena *arena, struct fail *why);
void servers_close(struct servers *servers); /* NULL is fine */

/* -1 = the connection or its server is of no use */
typedef int servers_question(void *connection, void *context, struct fail *why);

/*
 * Call ask with a connection, and when that fails with the next one, until one answers
 * (0) or no server is left (-1, why is the last failure's).
 */
int servers_ask(struct servers *servers, servers_question *ask, void *context,
                struct fail *why) MUST_CHECK;

#endif
