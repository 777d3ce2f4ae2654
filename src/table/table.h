/*
 * Lookup tables: "type:name" opened once a process, asked with a key, and
 * answered in one of three ways.
 *
 * A table that cannot be opened is still a table: each of its lookups is an
 * error, never "not found", so that mail waits while the administrator
 * repairs it. With open_error_is_fatal, tables_new's owner asks
 * tables_open_failure and gives up instead.
 *
 * Open tables before entering a chroot jail: a table that changed cannot be
 * opened again from inside, which is why a daemon with tables_outdated takes no client
 * more, and a new process opens the new table.
 */
#ifndef TABLE_TABLE_H
#define TABLE_TABLE_H

#include "util/arena.h"
#include "util/attributes.h"
#include "util/fail.h"
#include "util/list.h"
#include "util/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct conf;
struct table;
struct tables;

enum table_result {
    TABLE_ERROR = -1,    /* could not find out: try again later */
    TABLE_NOT_FOUND = 0, /* the table has no such key */
    TABLE_FOUND = 1,
};

/* Where table types that are loaded on demand are. NULL = as installed by default. */
struct table_places {
    const char *objects; /* shlib_directory; "no" = there are none */
    const char *lists;   /* meta_directory, with dynamicmaps.cf */
};

/* What tables need to know from the configuration. Texts must outlive the tables. */
struct tables_options {
    struct table_places places;
    bool smtputf8;        /* keys and values must be UTF-8; case folding is Unicode's */
    size_t db_read_cache; /* berkeley_db_read_buffer_size; 0 = 128 KB */
    const char *default_type; /* default_database_type; NULL = hash */
    const char *reindex;      /* path of the socket of nbdb_reindexd; NULL = do without */
    const char *proxymap;     /* path of its socket; NULL = "private/proxymap" */
    int64_t ipc_timeout_ms;   /* for each wait for proxymap; 0 = 1 h */
    const struct conf
        *conf; /* for tables whose parameters stand in main.cf; may be NULL */
    size_t socketmap_query_max; /* socketmap_max_query_size; 0 = 10000 */
    size_t socketmap_reply_max; /* socketmap_max_reply_size; 0 = 100000 */
};

/* The registry of all tables of one process. conf must outlive it. */
struct tables *tables_new(const struct conf *conf);
struct tables_options tables_options_of(const struct conf *conf);
struct tables *tables_new_with(const struct tables_options *options);
void tables_free(struct tables *tables); /* closes all; NULL is fine */

/* Flags of an open. Tables opened with different flags are different tables. */
enum {
    /* Keep the case of keys (postmap -f). */
    TABLE_NO_FOLD = 1,
    /* Refuse "$1" in regexp: and pcre: results: for alias_maps, transport_maps and others
       where mail could choose what is done. */
    TABLE_NO_SUBSTITUTION = 2,
    /* "proxy:x" opens x itself: for programs with rights of their own (local, virtual).
     */
    TABLE_DIRECT = 4,
    /* Keys and values need not be UTF-8 (header_checks, postmap without -u). */
    TABLE_NO_UTF8 = 8,
    /* A value names files, and their content is the answer; an index holds the content
       itself (file_value.h). table_next gives values as they stand. */
    TABLE_FILES = 16,
};

/*
 * Open "type:name", or find it when it is open already. Never NULL. name
 * without a type means default_type. "type:{...}" holds its content itself.
 */
struct table *table_open(struct tables *tables, const char *name, unsigned flags);

/*
 * The name under which table_open would open name, "hash:/etc/aliases": another one
 * where non_bdb_migration_level has other types take the place of hash and btree. For
 * those who make tables; lives as long as tables.
 */
const char *tables_redirect(struct tables *tables, const char *name);

/* The first open that failed, in words, or NULL when all went well: for
 * daemon_table_open_error_is_fatal. */
const char *tables_open_failure(const struct tables *tables);

/* Things worth a warning that opening found (bad rule lines, index older than its
 * source). */
void tables_each_warning(struct tables *tables,
                         void (*warn)(void *context, const char *text), void *context);

/*
 * Ask for key. Fixed-string tables fold key first. *ret_value (may be NULL)
 * lives in arena and ends in NUL. why is filled in on TABLE_ERROR; its text
 * names the table.
 */
enum table_result table_lookup(struct table *table, struct str key, struct arena *arena,
                               struct str *ret_value, struct fail *why) MUST_CHECK;

/* "hash:/etc/aliases": the name as given. Lives as long as the table. */
const char *table_name(const struct table *table);
/* Who owns the file behind the table, as it was opened; 0 for tables without one. */
uid_t table_owner(const struct table *table);
/* The failure that made open fail, or NULL. */
const char *table_failure(const struct table *table);
/* Keys are fixed strings, so that asking for parts of an address makes sense; false for
 * cidr, regexp, pcre. */
bool table_is_fixed(const struct table *table);

/*
 * Walk through all entries in the table's own order; first = true starts
 * again. Views live until the next call on this table. NOT_FOUND at the end;
 * ERROR also for types that cannot list.
 */
enum table_result table_next(struct table *table, bool first, struct str *ret_key,
                             struct str *ret_value, struct fail *why) MUST_CHECK;

/*
 * With TABLE_FILES, make *value, as table_next gave it for key, the content of the
 * files; a look-up has done so.
 */
int table_content(const struct table *table, struct str key, struct arena *arena,
                  struct str *value, struct fail *why) MUST_CHECK;

/*
 * Did an indexed file change since it was opened? Costs one stat(2) for each
 * indexed table, so ask once a client. *ret_name (may be NULL) gets the name
 * for the log line "table X has changed -- restarting".
 */
bool tables_changed(struct tables *tables, const char **ret_name);

/*
 * Open changed tables again, in place, so that a change holds for the very next
 * client or request. A table that cannot be opened again, for one in a jail, stays
 * as it was; false when there is such a one, and a fresh process is wanted.
 */
bool tables_refresh(struct tables *tables);
/* The same; the name of a table that has changed and is not the one that is open, or
 * NULL: what struct service wants of outdated(). */
const char *tables_outdated(struct tables *tables);
/* The same, at most once a second, for services that would ask at each request. */
void tables_refresh_due(struct tables *tables, int64_t now_ms);

/* The names of the types that are built in or can be loaded, in alphabetic order. */
void table_type_names(const struct table_places *places, struct arena *arena,
                      struct texts *ret);
/* Also of a conf with texts only. The texts live as long as conf. */
struct table_places table_places_of(const struct conf *conf);

#endif
