/*
 * Writing Berkeley DB files: a new table beside the old one, single entries in a copy
 * of it (aside.h), since the library leaves a broken file when it is killed in the midst
 * of a change.
 */
#include "table/plugins/berkeley/berkeley.h"

#include "table/aside.h"

#include "util/file.h"

#include <errno.h>

struct editor {
    struct berkeley berkeley;
    struct aside aside;
    DBC *cursor; /* of next, or NULL */
};

enum { DEFAULT_CREATE_CACHE = 16 << 20 };

static int berkeley_words(struct fail *why, int error)
{
    if (error > 0) {
        errno = error;
        return fail_set(why, "%m");
    }
    return fail_set(why, "%s", db_strerror(error));
}

/* --- one that is kept ------------------------------------------------------------- */

static int lock(struct editor *editor, enum file_lock how, struct fail *why)
{
    int result = file_lock_within(editor->berkeley.fd, how, FILE_LOCK_FLOCK,
                                  ASIDE_LOCK_ATTEMPTS, ASIDE_LOCK_DELAY_MS, why);

    return result > 0 ? fail_set(why, "it stays locked") : result;
}

static int sync_kept(struct editor *editor, struct fail *why)
{
    int error = editor->berkeley.db->sync(editor->berkeley.db, 0);

    return error ? berkeley_words(why, error) : 0;
}

/* A new index gets its place at once; from then on it is locked for changes only. */
static int begin_kept(struct table_writer *writer, struct editor *editor,
                      struct fail *why)
{
    if (sync_kept(editor, why) < 0 || aside_finish(writer, &editor->aside, why) < 0)
        return -1;
    aside_forget(&editor->aside);
    return 0;
}

/* Around each change of a kept one; of another one nothing is to be done. */
static int begin_change(struct table_writer *writer, struct fail *why)
{
    return writer->options.kept ? lock(writer->state, FILE_LOCK_EXCLUSIVE, why) : 0;
}

static int end_change(struct table_writer *writer, int result, struct fail *why)
{
    struct editor *editor = writer->state;

    if (!writer->options.kept)
        return result;
    if (result >= 0 && sync_kept(editor, why) < 0)
        result = -1;
    return lock(editor, FILE_UNLOCK, result < 0 ? NULL : why) < 0 ? -1 : result;
}

static struct str text_of(const DBT *thing, struct arena *arena)
{
    struct str text = str_from(thing->data, thing->size);

    if (text.n > 0 && text.p[text.n - 1] == '\0')
        text.n--;
    return str_from(arena_copy_str(arena, text), text.n);
}

static enum table_result found(int error, struct fail *why)
{
    if (error == DB_NOTFOUND)
        return TABLE_NOT_FOUND;
    return error ? (enum table_result)berkeley_words(why, error) : TABLE_FOUND;
}

static DBT thing(const struct table_writer *writer, struct str text);

static enum table_result get(struct table_writer *writer, struct str key,
                             struct arena *arena, struct str *ret_value, struct fail *why)
{
    struct editor *editor = writer->state;
    DB *db = editor->berkeley.db;
    DBT k = thing(writer, key), v = {0};
    enum table_result result = found(db->get(db, NULL, &k, &v, 0), why);

    if (result == TABLE_FOUND)
        *ret_value = text_of(&v, arena);
    return result;
}

static enum table_result next(struct table_writer *writer, bool first,
                              struct arena *arena, struct str *ret_key,
                              struct str *ret_value, struct fail *why)
{
    struct editor *editor = writer->state;
    DB *db = editor->berkeley.db;
    DBT k = {0}, v = {0};
    int error = 0;
    enum table_result result;

    if (!editor->cursor)
        error = db->cursor(db, NULL, &editor->cursor, 0);
    if (!error)
        error = editor->cursor->get(editor->cursor, &k, &v, first ? DB_FIRST : DB_NEXT);
    result = found(error, why);
    if (result == TABLE_FOUND) {
        *ret_key = text_of(&k, arena);
        *ret_value = text_of(&v, arena);
    }
    return result;
}

/* --- opening ---------------------------------------------------------------------- */

static int open_editor(struct table_writer *writer, DBTYPE type, struct fail *why)
{
    size_t cache = writer->options.cache ? writer->options.cache : DEFAULT_CREATE_CACHE;
    struct editor *editor = ARENA_NEW(writer->arena, struct editor);
    int result;

    writer->state = editor;
    result = aside_open(writer, writer->options.in_place ? ASIDE_IN_PLACE : ASIDE_COPY,
                        &editor->aside, why);
    if (result == 0 &&
        berkeley_open(aside_name(writer, &editor->aside), type,
                      /* all goes, also of an index that is rebuilt in place */
                      editor->aside.is_filled ? 0 : DB_CREATE | DB_TRUNCATE, cache,
                      &editor->berkeley, why) < 0)
        result = fail_prefix(why, "open database %s", writer->path);
    if (result == 0 && writer->options.kept)
        result = begin_kept(writer, editor, why);
    if (result < 0)
        aside_forget(&editor->aside);
    return result;
}

static int hash_open(struct table_writer *writer, struct fail *why)
{
    return open_editor(writer, DB_HASH, why);
}

static int btree_open(struct table_writer *writer, struct fail *why)
{
    return open_editor(writer, DB_BTREE, why);
}

/* text is NUL-terminated; its NUL is stored too unless -n was given. */
static DBT thing(const struct table_writer *writer, struct str text)
{
    return (DBT){.data = (void *)text.p,
                 .size = (u_int32_t)(text.n + (writer->options.with_nul != 0 ? 1 : 0))};
}

static int put_entry(struct table_writer *writer, struct str key, struct str value,
                     struct fail *why)
{
    struct editor *editor = writer->state;
    DB *db = editor->berkeley.db;
    DBT k = thing(writer, key), v = thing(writer, value);
    int error = db->put(db, NULL, &k, &v, DB_NOOVERWRITE);
    bool duplicate = error == DB_KEYEXIST;

    if (duplicate)
        error =
            writer->options.duplicate == TABLE_REPLACE ? db->put(db, NULL, &k, &v, 0) : 0;
    if (error)
        return berkeley_words(why, error);
    return duplicate;
}

static int put(struct table_writer *writer, struct str key, struct str value,
               struct fail *why)
{
    if (begin_change(writer, why) < 0)
        return -1;
    return end_change(writer, put_entry(writer, key, value, why), why);
}

static int erase_entry(struct table_writer *writer, struct str key, struct fail *why)
{
    struct editor *editor = writer->state;
    DB *db = editor->berkeley.db;
    DBT with_nul = {.data = (void *)key.p, .size = (u_int32_t)key.n + 1};
    DBT plain = {.data = (void *)key.p, .size = (u_int32_t)key.n};
    int error = DB_NOTFOUND;

    if (writer->options.with_nul != 0)
        error = db->del(db, NULL, &with_nul, 0);
    if (error == DB_NOTFOUND && writer->options.with_nul != 1)
        error = db->del(db, NULL, &plain, 0);
    if (error && error != DB_NOTFOUND)
        return berkeley_words(why, error);
    return error == 0;
}

static int erase(struct table_writer *writer, struct str key, struct fail *why)
{
    if (begin_change(writer, why) < 0)
        return -1;
    return end_change(writer, erase_entry(writer, key, why), why);
}

static void close_cursor(struct editor *editor)
{
    if (editor->cursor)
        editor->cursor->close(editor->cursor);
    editor->cursor = NULL;
}

/* What was built gets its place. */
static int finish(struct table_writer *writer, struct fail *why)
{
    struct editor *editor = writer->state;
    int error = editor->berkeley.db->sync(editor->berkeley.db, 0);
    int result = error ? berkeley_words(why, error) : 0;
    struct fail closing;

    close_cursor(editor);
    if (berkeley_close(&editor->berkeley, &closing) < 0 && result == 0)
        result = fail_set(why, "%s", closing.text);
    if (result == 0 && !writer->options.kept)
        result = aside_finish(writer, &editor->aside, why);
    aside_forget(&editor->aside);
    return result;
}

static void give_up(struct table_writer *writer)
{
    struct editor *editor = writer->state;
    struct fail ignored;

    close_cursor(editor);
    if (berkeley_close(&editor->berkeley, &ignored) < 0)
        editor->berkeley = (struct berkeley){0};
    aside_forget(&editor->aside);
}

#define BERKELEY_WRITER(type_name)                                                       \
    const struct table_writer_type berkeley_##type_name##_writer = {                     \
        .suffix = ".db",                                                                 \
        .label = {"", ".db"},                                                            \
        .open = type_name##_open,                                                        \
        .put = put,                                                                      \
        .erase = erase,                                                                  \
        .get = get,                                                                      \
        .next = next,                                                                    \
        .finish = finish,                                                                \
        .abort = give_up,                                                                \
    }

BERKELEY_WRITER(hash);
BERKELEY_WRITER(btree);
