/*
 * Making and changing indexed files (hash: and btree:), for postmap, postalias
 * and newaliases.
 *
 * Building anew goes beside the old index and is renamed over it when it is
 * complete and synced, so that no reader ever sees half a table; so do changes of
 * single entries, in a copy. All hold the exclusive lock on the index that
 * Postfix's readers and writers expect.
 */
#ifndef TABLE_WRITER_H
#define TABLE_WRITER_H

#include "table/table.h"

#include <sys/types.h>

struct table_writer;

enum table_writer_mode { TABLE_CREATE, TABLE_CHANGE };
enum table_duplicate { TABLE_KEEP, TABLE_REPLACE };

struct table_writer_options {
    struct table_places places;
    enum table_writer_mode mode;
    enum table_duplicate duplicate;
    int with_nul; /* 1 = keys end in NUL (-N), 0 = not (-n), -1 = the type's habit */
    bool no_fold; /* keep the case of keys */
    bool smtputf8;
    bool must_exist; /* TABLE_CHANGE makes no new index */
    bool in_place;   /* TABLE_CHANGE makes no copy: quick, but a crash in the midst
                        of it costs the table, as a cache may */
    bool kept;       /* with in_place: stays open, each change is on disk when it is made,
                        and what is there can be read; others may read the index, too */
    const struct conf *conf; /* for memcache: tables whose parameters stand in main.cf;
                                may be NULL */
    mode_t file_mode;        /* of a new index; that of the source */
    const char *proxywrite;  /* path of that service's socket, for proxy: tables */
    size_t cache;            /* berkeley_db_create_buffer_size; 0 = 16 MB */
    size_t lmdb_map_size;    /* 0 = 1 MB */
};

/* name is "hash:/etc/aliases", or for TABLE_CHANGE "proxy:hash:/etc/aliases"; -1 also for
 * types that cannot be written. */
int table_writer_open(const char *name, const struct table_writer_options *options,
                      struct table_writer **ret, struct fail *why) MUST_CHECK;
/* 0 = stored, 1 = key was there (kept or replaced, as options say), -1 = failure. */
int table_writer_put(struct table_writer *writer, struct str key, struct str value,
                     struct fail *why) MUST_CHECK;
/* The same, with the key's case kept whatever the options say. */
int table_writer_put_as_is(struct table_writer *writer, struct str key, struct str value,
                           struct fail *why) MUST_CHECK;
/* 1 = deleted, 0 = no such key, -1 = failure. TABLE_CHANGE only. */
int table_writer_delete(struct table_writer *writer, struct str key,
                        struct fail *why) MUST_CHECK;
/* Of a writer that is kept; as table_lookup and table_next. */
enum table_result table_writer_get(struct table_writer *writer, struct str key,
                                   struct arena *arena, struct str *ret_value,
                                   struct fail *why) MUST_CHECK;
enum table_result table_writer_next(struct table_writer *writer, bool first,
                                    struct arena *arena, struct str *ret_key,
                                    struct str *ret_value, struct fail *why) MUST_CHECK;
/* Make it durable and visible. Frees the writer in any case. */
int table_writer_finish(struct table_writer *writer, struct fail *why) MUST_CHECK;
/* Give up: the old index stays. NULL is fine. */
void table_writer_abort(struct table_writer *writer);

/* "/etc/aliases.db": what warnings call an indexed table. Lives as long as the writer. */
const char *table_writer_label(const struct table_writer *writer);

#endif
