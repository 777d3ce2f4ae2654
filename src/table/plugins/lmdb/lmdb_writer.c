/*
 * Making and changing LMDB files: as a whole beside the old one, in batches; or in place,
 * a transaction for each change, where the table is kept open and others read it.
 */
#include "table/plugins/lmdb/lmdb.h"

#include "util/file.h"

#include <errno.h>
#include <fcntl.h>

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

    while (!error && editor->map_size / 4 < lmdb_bytes_used(editor->env) + room) {
        editor->map_size *= 2;
        error = mdb_env_set_mapsize(editor->env, editor->map_size);
    }
    if (!error)
        error = lmdb_begin(editor->env, 0, &editor->txn);
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
        error = lmdb_open_env(aside_name(writer, &editor->aside),
                              aside_is_new(&editor->aside) ? MDB_NOSYNC : 0,
                              editor->map_size, &editor->env);
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
    int result = file_lock_within(lmdb_fd(editor->env), how, FILE_LOCK_FLOCK,
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
                    : lmdb_begin(editor->env, MDB_RDONLY, &txn);

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
    struct entry found = {0};
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
    struct entry found = {0};
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

const struct table_writer_type lmdb_writer = {
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
