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
#include "table/aside.h"
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>

enum { MODE = 0644, HEAD_BYTES = 2 * 4096 };

static int lmdb_fail(struct fail *why, int error)
{
    if (error > 0) {
        errno = error;
        return fail_set(why, "%m");
    }
    return fail_set(why, "%s", mdb_strerror(error));
}

static int fd_of(MDB_env *env)
{
    mdb_filehandle_t fd = -1;

    return mdb_env_get_fd(env, &fd) == 0 ? fd : -1;
}

static size_t bytes_used(MDB_env *env)
{
    MDB_envinfo info;
    MDB_stat stat;

    mdb_env_info(env, &info);
    mdb_env_stat(env, &stat);
    return (info.me_last_pgno + 1) * stat.ms_psize;
}

static int open_env(const char *path, unsigned flags, size_t map_size, MDB_env **ret)
{
    MDB_env *env = NULL;
    int error = mdb_env_create(&env);

    if (error)
        return error;
    if (map_size)
        error = mdb_env_set_mapsize(env, map_size);
    if (!error)
        error = mdb_env_open(env, path, flags | MDB_NOSUBDIR | MDB_NOLOCK, MODE);
    if (error)
        mdb_env_close(env);
    else
        *ret = env;
    return error;
}

/* Begin a transaction, with the file as it is now mapped whole. */
static int begin(MDB_env *env, unsigned flags, MDB_txn **ret)
{
    int error = mdb_txn_begin(env, NULL, flags, ret);

    if (error == MDB_MAP_RESIZED) { /* another process made it larger */
        error = mdb_env_set_mapsize(env, 0);
        if (!error)
            error = mdb_txn_begin(env, NULL, flags, ret);
    }
    return error;
}

/* --- reading --------------------------------------------------------------------------
 */

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
    return file_lock(fd_of(reader->env), FILE_UNLOCK, FILE_LOCK_FLOCK, false, why);
}

/* Lock, look whether all of the file is there, and begin to read. */
static int begin_read(struct reader *reader, MDB_txn **ret, struct fail *why)
{
    int locked = file_lock_within(fd_of(reader->env), FILE_LOCK_SHARED, FILE_LOCK_FLOCK,
                                  ASIDE_LOCK_ATTEMPTS, ASIDE_LOCK_DELAY_MS, why);
    struct stat st;
    struct fail ignored;
    int error, result;

    if (locked != 0)
        return locked > 0 ? fail_set(why, "%s stays locked", reader->index) : -1;
    if (fstat(fd_of(reader->env), &st) < 0)
        result = fail_set(why, "%s: %m", reader->index);
    else if (st.st_size < HEAD_BYTES || (size_t)st.st_size < bytes_used(reader->env))
        result =
            fail_set(why, "%s is cut short: make it again with postmap", reader->index);
    else {
        error = begin(reader->env, MDB_RDONLY, ret);
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
    error = open_env(reader->index, MDB_RDONLY, 0, &reader->env);
    if (error) {
        lmdb_fail(why, error);
        return fail_prefix(why, "open database %s", reader->index);
    }
    if (begin_read(reader, &txn, why) < 0)
        return -1;
    error = mdb_dbi_open(txn, NULL, 0, &reader->dbi);
    if (fstat(fd_of(reader->env), &st) == 0) {
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

    return fstat(fd_of(reader->env), &now) < 0 || now.st_nlink == 0;
}

/* --- writing --------------------------------------------------------------------------
 */

struct editor {
    struct aside aside;
    MDB_env *env;
    MDB_txn *txn; /* NULL between batches */
    MDB_dbi dbi;
    size_t map_size;
    size_t bytes;    /* put since txn began */
    struct buf last; /* of a listing: the key that came last */
};

/* Begin a batch; the map has room for more than it will ever write. */
static int begin_batch(struct editor *editor, size_t room, struct fail *why)
{
    int error = 0;

    while (!error && editor->map_size / 4 < bytes_used(editor->env) + room) {
        editor->map_size *= 2;
        error = mdb_env_set_mapsize(editor->env, editor->map_size);
    }
    if (!error)
        error = begin(editor->env, 0, &editor->txn);
    if (!error)
        error = mdb_dbi_open(editor->txn, NULL, MDB_CREATE, &editor->dbi);
    editor->bytes = 0;
    return error ? lmdb_fail(why, error) : 0;
}

static int end_batch(struct editor *editor, struct fail *why)
{
    int error = editor->txn ? mdb_txn_commit(editor->txn) : 0;

    editor->txn = NULL;
    return error ? lmdb_fail(why, error) : 0;
}

static void forget(struct editor *editor)
{
    if (editor->txn)
        mdb_txn_abort(editor->txn);
    if (editor->env)
        mdb_env_close(editor->env);
    buf_done(&editor->last);
    aside_forget(&editor->aside);
}

/* What is rebuilt where it stands; readers of ours wait for the lock. */
static int empty(struct table_writer *writer, struct editor *editor, struct fail *why)
{
    int error;

    if (writer->options.mode != TABLE_CREATE || aside_is_new(&editor->aside))
        return 0;
    error = mdb_drop(editor->txn, editor->dbi, 0);
    return error ? lmdb_fail(why, error) : 0;
}

/* A new index gets its place at once; from then on it is locked for changes only. */
static int begin_kept(struct table_writer *writer, struct editor *editor,
                      struct fail *why)
{
    buf_init(&editor->last, 1 << 16);
    if (end_batch(editor, why) < 0 || aside_finish(writer, &editor->aside, why) < 0)
        return -1;
    aside_forget(&editor->aside);
    mdb_env_set_flags(editor->env, MDB_NOSYNC, 0);
    return 0;
}

static int lmdb_writer_open(struct table_writer *writer, struct fail *why)
{
    struct editor *editor = ARENA_NEW(writer->arena, struct editor);
    int result, error;

    writer->state = editor;
    editor->map_size = writer->options.lmdb_map_size;
    if (editor->map_size < 1 << 20)
        editor->map_size = 1 << 20;
    result = aside_open(writer, ASIDE_IN_PLACE, &editor->aside, why);
    if (result == 0) {
        error = open_env(aside_name(writer, &editor->aside),
                         aside_is_new(&editor->aside) ? MDB_NOSYNC : 0, editor->map_size,
                         &editor->env);
        if (error) {
            lmdb_fail(why, error);
            result = fail_prefix(why, "open database %s", writer->path);
        }
    }
    if (result == 0)
        result = begin_batch(editor, 0, why);
    if (result == 0)
        result = empty(writer, editor, why);
    if (result == 0 && writer->options.kept)
        result = begin_kept(writer, editor, why);
    if (result < 0)
        forget(editor);
    return result;
}

/* --- one that is kept: a transaction for each change -------------------------------- */

static int lock_kept(struct editor *editor, enum file_lock how, struct fail *why)
{
    int result = file_lock_within(fd_of(editor->env), how, FILE_LOCK_FLOCK,
                                  ASIDE_LOCK_ATTEMPTS, ASIDE_LOCK_DELAY_MS, why);

    return result > 0 ? fail_set(why, "it stays locked") : result;
}

static int begin_change(struct table_writer *writer, size_t room, struct fail *why)
{
    struct editor *editor = writer->state;

    if (!writer->options.kept)
        return 0;
    if (lock_kept(editor, FILE_LOCK_EXCLUSIVE, why) < 0)
        return -1;
    return begin_batch(editor, room, why);
}

static int end_change(struct table_writer *writer, int result, struct fail *why)
{
    struct editor *editor = writer->state;

    if (!writer->options.kept)
        return result;
    if (result < 0) {
        mdb_txn_abort(editor->txn);
        editor->txn = NULL;
    } else if (end_batch(editor, why) < 0)
        result = -1;
    return lock_kept(editor, FILE_UNLOCK, result < 0 ? NULL : why) < 0 ? -1 : result;
}

static struct str copy_of(const MDB_val *thing, struct arena *arena)
{
    struct str text = str_from(thing->mv_data, thing->mv_size);

    if (text.n > 0 && text.p[text.n - 1] == '\0')
        text.n--;
    return str_from(arena_copy_str(arena, text), text.n);
}

struct entry {
    struct str key, value;
};

/* Read with op, k as it asks for, and copy what is found. */
static enum table_result read_kept(struct editor *editor, MDB_cursor_op op, MDB_val *k,
                                   struct arena *arena, struct entry *ret,
                                   struct fail *why)
{
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val v;
    int error = lock_kept(editor, FILE_LOCK_SHARED, why) < 0
                    ? MDB_PANIC
                    : begin(editor->env, MDB_RDONLY, &txn);

    if (!error)
        error = mdb_cursor_open(txn, editor->dbi, &cursor);
    if (!error)
        error = mdb_cursor_get(cursor, k, &v, op);
    if (!error) {
        ret->key = copy_of(k, arena);
        ret->value = copy_of(&v, arena);
    }
    if (cursor)
        mdb_cursor_close(cursor);
    if (txn)
        mdb_txn_abort(txn);
    if (lock_kept(editor, FILE_UNLOCK, why) < 0)
        return TABLE_ERROR;
    if (error == MDB_NOTFOUND)
        return TABLE_NOT_FOUND;
    return error ? (enum table_result)lmdb_fail(why, error) : TABLE_FOUND;
}

static MDB_val thing(struct str text, bool with_nul)
{
    return (MDB_val){.mv_data = (void *)text.p, .mv_size = text.n + (with_nul ? 1 : 0)};
}

/* Before an entry of that many bytes. What is built is committed in parts that grow with
 * it, since keys come in no order and each commit writes most of the pages again: nobody
 * sees it yet. */
static int make_room(struct editor *editor, size_t bytes, struct fail *why)
{
    editor->bytes += bytes;
    if (editor->bytes < editor->map_size / 8)
        return 0;
    if (end_batch(editor, why) < 0)
        return -1;
    return begin_batch(editor, bytes, why);
}

static enum table_result lmdb_get(struct table_writer *writer, struct str key,
                                  struct arena *arena, struct str *ret_value,
                                  struct fail *why)
{
    MDB_val k = thing(key, writer->options.with_nul != 0);
    struct entry found;
    enum table_result result =
        read_kept(writer->state, MDB_SET_KEY, &k, arena, &found, why);

    if (result == TABLE_FOUND)
        *ret_value = found.value;
    return result;
}

/* The place is kept as a key, since no transaction stays open; it may be gone by now. */
static enum table_result lmdb_writer_next(struct table_writer *writer, bool first,
                                          struct arena *arena, struct str *ret_key,
                                          struct str *ret_value, struct fail *why)
{
    struct editor *editor = writer->state;
    bool with_nul = writer->options.with_nul != 0;
    struct str last = str_of(arena_copy_str(arena, buf_str(&editor->last)));
    MDB_val k = first ? (MDB_val){0} : thing(last, with_nul);
    MDB_cursor_op op = first ? MDB_FIRST : MDB_SET_RANGE;
    struct entry found;
    enum table_result result = read_kept(editor, op, &k, arena, &found, why);

    if (!first && result == TABLE_FOUND && str_eq(found.key, last)) {
        k = thing(str_of(arena_printf(arena, "%.*s\1", STR_ARG(last))), with_nul);
        result = read_kept(editor, MDB_SET_RANGE, &k, arena, &found, why);
    }
    if (result == TABLE_FOUND) {
        buf_reset(&editor->last);
        buf_add_str(&editor->last, found.key);
        *ret_key = found.key;
        *ret_value = found.value;
    }
    return result;
}

static int put_entry(struct table_writer *writer, struct str key, struct str value,
                     struct fail *why)
{
    struct editor *editor = writer->state;
    bool with_nul = writer->options.with_nul != 0;
    bool replace = writer->options.duplicate == TABLE_REPLACE;
    MDB_val k = thing(key, with_nul), v = thing(value, with_nul);
    int error;

    if (make_room(editor, k.mv_size + v.mv_size, why) < 0)
        return -1;
    error = mdb_put(editor->txn, editor->dbi, &k, &v, MDB_NOOVERWRITE);
    if (error == MDB_KEYEXIST) {
        v = thing(value, with_nul); /* it was set to what is there */
        error = replace ? mdb_put(editor->txn, editor->dbi, &k, &v, 0) : 0;
        return error ? lmdb_fail(why, error) : 1;
    }
    if (error == MDB_BAD_VALSIZE)
        return fail_set(why, "key \"%.100s\": %zu bytes is too long for lmdb", key.p,
                        key.n);
    return error ? lmdb_fail(why, error) : 0;
}

static int lmdb_put(struct table_writer *writer, struct str key, struct str value,
                    struct fail *why)
{
    if (begin_change(writer, key.n + value.n, why) < 0)
        return -1;
    return end_change(writer, put_entry(writer, key, value, why), why);
}

static int erase_entry(struct table_writer *writer, struct str key, struct fail *why)
{
    struct editor *editor = writer->state;
    MDB_val with_nul = thing(key, true), plain = thing(key, false);
    int error = MDB_NOTFOUND;

    if (key.n + 1 > (size_t)mdb_env_get_maxkeysize(editor->env))
        return 0;
    if (writer->options.with_nul != 0)
        error = mdb_del(editor->txn, editor->dbi, &with_nul, NULL);
    if (error == MDB_NOTFOUND && writer->options.with_nul != 1 && key.n > 0)
        error = mdb_del(editor->txn, editor->dbi, &plain, NULL);
    if (error && error != MDB_NOTFOUND)
        return lmdb_fail(why, error);
    return error == 0;
}

static int lmdb_erase(struct table_writer *writer, struct str key, struct fail *why)
{
    if (begin_change(writer, 0, why) < 0)
        return -1;
    return end_change(writer, erase_entry(writer, key, why), why);
}

static int lmdb_finish(struct table_writer *writer, struct fail *why)
{
    struct editor *editor = writer->state;
    int result = end_batch(editor, why);

    if (result == 0 && !writer->options.kept)
        result = aside_finish(writer, &editor->aside, why);
    forget(editor);
    return result;
}

static void lmdb_abort(struct table_writer *writer)
{
    forget(writer->state);
}

static const struct table_writer_type lmdb_writer = {
    .suffix = ".lmdb",
    .label = {"lmdb:", ""},
    .open = lmdb_writer_open,
    .put = lmdb_put,
    .erase = lmdb_erase,
    .get = lmdb_get,
    .next = lmdb_writer_next,
    .finish = lmdb_finish,
    .abort = lmdb_abort,
};

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
