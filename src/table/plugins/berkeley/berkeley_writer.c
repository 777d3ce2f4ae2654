/*
 * Writing Berkeley DB files: a new table beside the old one, single entries in a copy
 * of it (aside.h), since the library leaves a broken file when it is killed in the midst
 * of a change.
 */
#include "table/plugins/berkeley/berkeley.h"

#include "table/aside.h"

#include <errno.h>

struct editor {
    struct berkeley berkeley;
    struct aside aside;
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

static int put(struct table_writer *writer, struct str key, struct str value,
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

static int erase(struct table_writer *writer, struct str key, struct fail *why)
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

/* What was built gets its place. */
static int finish(struct table_writer *writer, struct fail *why)
{
    struct editor *editor = writer->state;
    int error = editor->berkeley.db->sync(editor->berkeley.db, 0);
    int result = error ? berkeley_words(why, error) : 0;
    struct fail closing;

    if (berkeley_close(&editor->berkeley, &closing) < 0 && result == 0)
        result = fail_set(why, "%s", closing.text);
    if (result == 0)
        result = aside_finish(writer, &editor->aside, why);
    aside_forget(&editor->aside);
    return result;
}

static void give_up(struct table_writer *writer)
{
    struct editor *editor = writer->state;
    struct fail ignored;

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
        .finish = finish,                                                                \
        .abort = give_up,                                                                \
    }

BERKELEY_WRITER(hash);
BERKELEY_WRITER(btree);
