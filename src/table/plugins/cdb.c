/*
 * cdb:file - constant databases "file.cdb", as Postfix makes and reads them.
 * They are written once and never changed: an entry more is a new file.
 */
#include "table/aside.h"
#include "table/mapped.h"
#include "util/file.h"

#include <cdb.h>
#include <fcntl.h>
#include <unistd.h>

/* --- reading --------------------------------------------------------------------------
 */

struct reader {
    struct cdb cdb;
    bool is_open;
    int fd;
    struct stat st;    /* of the file when it was opened */
    const char *index; /* "/etc/aliases.cdb" */
    bool try_nul, try_plain;
    unsigned next;      /* where table_next goes on ... */
    struct arena *last; /* ... and what it gave */
};

static void cdb_done(struct table *table)
{
    struct reader *reader = table->state;

    if (!reader)
        return;
    if (reader->is_open)
        cdb_free(&reader->cdb);
    if (reader->fd >= 0)
        close(reader->fd);
    arena_free(reader->last);
}

static int cdb_open(struct table *table, struct fail *why)
{
    struct reader *reader = ARENA_NEW(table->arena, struct reader);
    struct stat source;

    table->state = reader;
    reader->try_nul = reader->try_plain = true;
    reader->last = arena_new("cdb entry");
    reader->index = arena_printf(table->arena, "%s.cdb", table->path);
    reader->fd = file_open(reader->index, O_RDONLY | O_NOCTTY, 0, NULL);
    if (reader->fd < 0)
        return fail_set(why, "open database %s: %m", reader->index);
    if (fstat(reader->fd, &reader->st) < 0 || cdb_init(&reader->cdb, reader->fd) < 0)
        return fail_set(why, "open database %s: %m", reader->index);
    reader->is_open = true;
    mapped_prepare();
    table->owner = reader->st.st_uid;
    if (stat(table->path, &source) == 0 && source.st_mtime > reader->st.st_mtime)
        table_warn(table, "database %s is older than source file %s", reader->index,
                   table->path);
    return 0;
}

/* Replaced, or (not by us) rewritten; by the open file, so that this works in a jail. */
static bool cdb_changed(struct table *table)
{
    struct reader *reader = table->state;
    struct stat now;

    return fstat(reader->fd, &now) < 0 || now.st_nlink == 0 ||
           now.st_size != reader->st.st_size ||
           now.st_mtim.tv_sec != reader->st.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != reader->st.st_mtim.tv_nsec;
}

/* What is read from the mapped file at one go: see mapped.h. */
struct reading {
    struct reader *reader;
    struct arena *arena;
    struct str key, value;
    int found; /* 1, 0; -1 = what the file says cannot be */
};

/* A copy of what lies at pos, without a NUL at its end; the file may say that it is where
 * there is no file. Only the copying itself can be left in its midst. */
static int take(struct reading *reading, unsigned pos, unsigned n, struct str *ret)
{
    const char *p = cdb_get(&reading->reader->cdb, n, pos);

    if (!p)
        return -1;
    if (n > 0 && p[n - 1] == '\0')
        n--;
    *ret = str_from(arena_copy_str(reading->arena, str_from(p, n)), n);
    return 0;
}

/* 1, 0 or -1, as cdb_find. Without NUL first: that is how they are made. */
static int find(struct reader *reader, struct str key)
{
    int found = 0;

    if (reader->try_plain) {
        found = cdb_find(&reader->cdb, key.p, (unsigned)key.n);
        if (found > 0)
            reader->try_nul = false;
    }
    if (found == 0 && reader->try_nul) {
        found = cdb_find(&reader->cdb, key.p, (unsigned)key.n + 1);
        if (found > 0)
            reader->try_plain = false;
    }
    return found;
}

static void read_value(void *context)
{
    struct reading *reading = context;
    struct cdb *cdb = &reading->reader->cdb;

    reading->found = find(reading->reader, reading->key);
    if (reading->found > 0 &&
        take(reading, cdb_datapos(cdb), cdb_datalen(cdb), &reading->value) < 0)
        reading->found = -1;
}

static void read_next(void *context)
{
    struct reading *reading = context;
    struct reader *reader = reading->reader;
    struct cdb *cdb = &reader->cdb;

    reading->found = cdb_seqnext(&reader->next, cdb);
    if (reading->found > 0 &&
        (take(reading, cdb_keypos(cdb), cdb_keylen(cdb), &reading->key) < 0 ||
         take(reading, cdb_datapos(cdb), cdb_datalen(cdb), &reading->value) < 0))
        reading->found = -1;
}

/* What is missing from the last page that there is reads as zeros: "there is nothing", or
 * part of a value. */
static bool is_cut(const struct reading *reading)
{
    const struct reader *reader = reading->reader;

    return (reading->found == 0 || str_find(reading->value, '\0') < reading->value.n) &&
           lseek(reader->fd, 0, SEEK_END) < reader->st.st_size;
}

static enum table_result read_mapped(struct reading *reading, mapped_reader *read,
                                     struct fail *why)
{
    const struct reader *reader = reading->reader;

    if (mapped_read(reader->cdb.cdb_mem, reader->cdb.cdb_fsize, read, reading) < 0 ||
        reading->found < 0 || is_cut(reading))
        return fail_set(why, "%s is damaged or cut short: make it again with postmap",
                        reader->index);
    return reading->found > 0 ? TABLE_FOUND : TABLE_NOT_FOUND;
}

static enum table_result cdb_lookup(struct table *table, struct str key,
                                    struct arena *arena, struct str *ret_value,
                                    struct fail *why)
{
    struct reading reading = {.reader = table->state,
                              .arena = arena,
                              .key = str_from(arena_copy_str(arena, key), key.n)};
    enum table_result result = read_mapped(&reading, read_value, why);

    if (result == TABLE_FOUND)
        *ret_value = reading.value;
    return result;
}

static enum table_result cdb_next(struct table *table, bool first, struct str *ret_key,
                                  struct str *ret_value, struct fail *why)
{
    struct reader *reader = table->state;
    struct reading reading = {.reader = reader, .arena = reader->last};
    enum table_result result;

    if (first)
        cdb_seqinit(&reader->next, &reader->cdb);
    arena_reset(reader->last);
    result = read_mapped(&reading, read_next, why);
    if (result == TABLE_FOUND) {
        *ret_key = reading.key;
        *ret_value = reading.value;
    }
    return result;
}

/* --- writing --------------------------------------------------------------------------
 */

struct editor {
    struct aside aside;
    struct cdb_make make;
    bool is_open; /* make holds memory */
};

static int cdb_writer_open(struct table_writer *writer, struct fail *why)
{
    struct editor *editor = ARENA_NEW(writer->arena, struct editor);

    writer->state = editor;
    if (writer->options.mode == TABLE_CHANGE)
        return fail_set(why,
                        "%s: a cdb table is made anew as a whole, its entries can't be "
                        "changed",
                        writer->path);
    if (aside_open(writer, ASIDE_IN_PLACE, &editor->aside, why) < 0) {
        aside_forget(&editor->aside);
        return -1;
    }
    if (!aside_is_new(&editor->aside)) {
        aside_forget(&editor->aside);
        return fail_set(why, "open database %s: its directory may not be written",
                        writer->path);
    }
    if (cdb_make_start(&editor->make, editor->aside.fd) < 0) {
        fail_set(why, "%s: %m", writer->path);
        aside_forget(&editor->aside);
        return -1;
    }
    editor->is_open = true;
    return 0;
}

static int cdb_put(struct table_writer *writer, struct str key, struct str value,
                   struct fail *why)
{
    struct editor *editor = writer->state;
    unsigned nul = writer->options.with_nul == 1 ? 1 : 0; /* compat: none by habit */
    enum cdb_put_mode mode =
        writer->options.duplicate == TABLE_REPLACE ? CDB_PUT_REPLACE : CDB_PUT_INSERT;
    int found = cdb_make_put(&editor->make, key.p, (unsigned)key.n + nul, value.p,
                             (unsigned)value.n + nul, mode);

    return found < 0 ? fail_set(why, "%m") : found;
}

static int cdb_erase(struct table_writer *writer, struct str key, struct fail *why)
{
    (void)key;
    return fail_set(why, "%s: delete operation is not supported", writer->path);
}

static int cdb_finish(struct table_writer *writer, struct fail *why)
{
    struct editor *editor = writer->state;
    int result = cdb_make_finish(&editor->make) < 0 ? fail_set(why, "%m") : 0;

    if (result == 0)
        result = aside_finish(writer, &editor->aside, why);
    aside_forget(&editor->aside);
    return result;
}

static void cdb_abort(struct table_writer *writer)
{
    struct editor *editor = writer->state;

    (void)cdb_make_finish(&editor->make); /* the only way to its memory */
    aside_forget(&editor->aside);
}

static const struct table_writer_type cdb_writer = {
    .suffix = ".cdb",
    .label = {"", ""},
    .open = cdb_writer_open,
    .put = cdb_put,
    .erase = cdb_erase,
    .finish = cdb_finish,
    .abort = cdb_abort,
};

static const struct table_type table_cdb = {
    .name = "cdb",
    .traits = TABLE_FIXED | TABLE_INDEXED,
    .open = cdb_open,
    .lookup = cdb_lookup,
    .next = cdb_next,
    .changed = cdb_changed,
    .close = cdb_done,
    .writer = &cdb_writer,
};

TABLE_PLUGIN(&table_cdb);
