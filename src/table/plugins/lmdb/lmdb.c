/*
 * lmdb:file - LMDB files "file.lmdb", as Postfix makes and reads them.
 *
 * The library's own lock file is not used (readers need not write anything);
 * readers hold a shared flock while they look, those who change an index in place an
 * exclusive one. A reader sees what was committed, so a changed file needs no new
 * process; only one that was replaced is opened again.
 *
 * A file cut short would kill the process that looks behind its end in memory, so
 * its size is checked first.
 */
#include "table/plugins/lmdb/lmdb.h"

#include "util/file.h"

#include <fcntl.h>

enum { HEAD_BYTES = 2 * 4096 };

struct reader {
    MDB_env *env;
    MDB_dbi dbi;
    const char *index; /* "/etc/aliases.lmdb" */
    bool try_nul, try_plain;
    struct arena *last; /* key and value that table_next gave */
    struct str last_key;
};

static void lmdb_done(struct table *table)
{
    struct reader *reader = table->state;

    if (!reader)
        return;
    if (reader->env)
        mdb_env_close(reader->env);
    arena_free(reader->last);
}

static int unlock(struct reader *reader, struct fail *why)
{
    return file_lock(lmdb_fd(reader->env), FILE_UNLOCK, FILE_LOCK_FLOCK, false, why);
}

/* Lock, look whether all of the file is there, and begin to read. */
static int begin_read(struct reader *reader, MDB_txn **ret, struct fail *why)
{
    int locked = file_lock_within(lmdb_fd(reader->env), FILE_LOCK_SHARED, FILE_LOCK_FLOCK,
                                  ASIDE_LOCK_ATTEMPTS, ASIDE_LOCK_DELAY_MS, why);
    struct stat st;
    struct fail ignored;
    int error, result;

    if (locked != 0)
        return locked > 0 ? fail_set(why, "%s stays locked", reader->index) : -1;
    if (fstat(lmdb_fd(reader->env), &st) < 0)
        result = fail_set(why, "%s: %m", reader->index);
    else if (st.st_size < HEAD_BYTES || (size_t)st.st_size < lmdb_bytes_used(reader->env))
        result =
            fail_set(why, "%s is cut short: make it again with postmap", reader->index);
    else {
        error = lmdb_begin(reader->env, MDB_RDONLY, ret);
        result = error ? lmdb_fail(why, error) : 0;
    }
    if (result < 0)
        (void)!unlock(reader, &ignored);
    return result;
}

static int end_read(struct reader *reader, MDB_txn *txn, struct fail *why)
{
    mdb_txn_abort(txn);
    return unlock(reader, why);
}

static int lmdb_open(struct table *table, struct fail *why)
{
    struct reader *reader = ARENA_NEW(table->arena, struct reader);
    struct stat st, source;
    MDB_txn *txn = NULL;
    int error;

    table->state = reader;
    reader->try_nul = reader->try_plain = true;
    reader->last = arena_new("lmdb entry");
    reader->index = arena_printf(table->arena, "%s.lmdb", table->path);
    error = lmdb_open_env(reader->index, MDB_RDONLY, 0, &reader->env);
    if (error) {
        lmdb_fail(why, error);
        return fail_prefix(why, "open database %s", reader->index);
    }
    if (begin_read(reader, &txn, why) < 0)
        return -1;
    error = mdb_dbi_open(txn, NULL, 0, &reader->dbi);
    if (fstat(lmdb_fd(reader->env), &st) == 0) {
        table->owner = st.st_uid;
        if (stat(table->path, &source) == 0 && source.st_mtime > st.st_mtime)
            table_warn(table, "database %s is older than source file %s", reader->index,
                       table->path);
    }
    if (end_read(reader, txn, why) < 0)
        return -1;
    return error ? lmdb_fail(why, error) : 0;
}

static struct str text_of(const MDB_val *value)
{
    struct str text = str_from(value->mv_data, value->mv_size);

    if (text.n > 0 && text.p[text.n - 1] == '\0')
        text.n--;
    return text;
}

/* A key that could not have been stored is not there. */
static int get(MDB_txn *txn, struct reader *reader, struct str key, MDB_val *ret)
{
    MDB_val wanted = {.mv_data = (void *)key.p, .mv_size = key.n};

    if (key.n == 0 || key.n > (size_t)mdb_env_get_maxkeysize(reader->env))
        return MDB_NOTFOUND;
    return mdb_get(txn, reader->dbi, &wanted, ret);
}

static int get_both_ways(MDB_txn *txn, struct reader *reader, struct str key,
                         MDB_val *ret)
{
    int error = MDB_NOTFOUND;

    if (reader->try_nul) {
        error = get(txn, reader, str_from(key.p, key.n + 1), ret);
        if (error == 0)
            reader->try_plain = false;
    }
    if (error == MDB_NOTFOUND && reader->try_plain) {
        error = get(txn, reader, key, ret);
        if (error == 0)
            reader->try_nul = false;
    }
    return error;
}

static enum table_result lmdb_lookup(struct table *table, struct str key,
                                     struct arena *arena, struct str *ret_value,
                                     struct fail *why)
{
    struct reader *reader = table->state;
    enum table_result result = TABLE_NOT_FOUND;
    MDB_val value;
    MDB_txn *txn;
    int error;

    if (begin_read(reader, &txn, why) < 0)
        return TABLE_ERROR;
    key = str_from(arena_copy_str(arena, key), key.n);
    error = get_both_ways(txn, reader, key, &value);
    if (error == 0)
        result = table_answer(arena, text_of(&value), ret_value);
    else if (error != MDB_NOTFOUND)
        result = lmdb_fail(why, error);
    if (end_read(reader, txn, why) < 0)
        return TABLE_ERROR;
    return result;
}

/* The entry behind *key (NULL = the first) in txn. */
static int step(MDB_txn *txn, MDB_dbi dbi, const struct str *last, MDB_val *key,
                MDB_val *value)
{
    MDB_cursor *cursor;
    int error = mdb_cursor_open(txn, dbi, &cursor);

    if (error)
        return error;
    if (last)
        *key = (MDB_val){.mv_data = (void *)last->p, .mv_size = last->n};
    error = mdb_cursor_get(cursor, key, value, last ? MDB_SET_RANGE : MDB_FIRST);
    if (!error && last && key->mv_size == last->n &&
        memcmp(key->mv_data, last->p, last->n) == 0)
        error = mdb_cursor_get(cursor, key, value, MDB_NEXT);
    mdb_cursor_close(cursor);
    return error;
}

/* Each step is a transaction of its own: a long listing holds nobody up. */
static enum table_result lmdb_next(struct table *table, bool first, struct str *ret_key,
                                   struct str *ret_value, struct fail *why)
{
    struct reader *reader = table->state;
    enum table_result result = TABLE_NOT_FOUND;
    MDB_val key = {0}, value = {0};
    MDB_txn *txn;
    int error;

    if (begin_read(reader, &txn, why) < 0)
        return TABLE_ERROR;
    error = step(txn, reader->dbi, first ? NULL : &reader->last_key, &key, &value);
    if (error == 0) {
        arena_reset(reader->last);
        reader->last_key =
            str_from(arena_copy_str(reader->last, str_from(key.mv_data, key.mv_size)),
                     key.mv_size);
        *ret_key = text_of(&(MDB_val){key.mv_size, (void *)reader->last_key.p});
        result = table_answer(reader->last, text_of(&value), ret_value);
    } else if (error != MDB_NOTFOUND) {
        result = lmdb_fail(why, error);
    }
    if (end_read(reader, txn, why) < 0)
        return TABLE_ERROR;
    return result;
}

/* By the open file, so that this works in a jail. */
static bool lmdb_changed(struct table *table)
{
    struct reader *reader = table->state;
    struct stat now;

    return fstat(lmdb_fd(reader->env), &now) < 0 || now.st_nlink == 0;
}

static const struct table_type table_lmdb = {
    .name = "lmdb",
    .traits = TABLE_FIXED | TABLE_INDEXED,
    .open = lmdb_open,
    .lookup = lmdb_lookup,
    .next = lmdb_next,
    .changed = lmdb_changed,
    .close = lmdb_done,
    .writer = &lmdb_writer,
};

TABLE_PLUGIN(&table_lmdb);
