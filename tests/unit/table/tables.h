/* What the tests of table/ share: a folder of files, open tables, and short ways to ask.
 */
#ifndef TEST_TABLES_H
#define TEST_TABLES_H

#include "unit.h"

#include "table/maps.h"
#include "table/table.h"
#include "table/writer.h"
#include "util/buf.h"
#include "util/file.h"

#include <stdlib.h>
#include <unistd.h>

struct bench {
    char directory[64];
    struct arena *arena;
    struct tables *tables;
    struct buf warnings; /* one a line */
};

static inline void bench_open_with(struct bench *bench,
                                   const struct tables_options *options)
{
    strcpy(bench->directory, "/tmp/postern-table-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    bench->arena = arena_new("test");
    bench->tables = tables_new_with(options);
    buf_init(&bench->warnings, 1 << 20);
}

static inline int bench_open(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct tables_options options = {.places = {PLUGINS, NULL}};

    bench_open_with(bench, &options);
    *state = bench;
    return 0;
}

static inline int bench_close(void **state)
{
    struct bench *bench = *state;
    char command[100];

    tables_free(bench->tables);
    arena_free(bench->arena);
    buf_done(&bench->warnings);
    snprintf(command, sizeof(command), "rm -rf %s", bench->directory);
    assert_int_equal(system(command), 0);
    free(bench);
    return 0;
}

/* "DIRECTORY/name" */
static inline const char *bench_path(struct bench *bench, const char *name)
{
    return arena_printf(bench->arena, "%s/%s", bench->directory, name);
}

/* Write a file; its path. */
static inline const char *bench_file(struct bench *bench, const char *name,
                                     const char *content)
{
    const char *path = bench_path(bench, name);

    assert_int_equal(file_replace(path, str_of(content), 0644, NULL), 0);
    return path;
}

/* "type:DIRECTORY/name" with that content. */
static inline const char *bench_table(struct bench *bench, const char *type,
                                      const char *content)
{
    return arena_printf(bench->arena, "%s:%s", type, bench_file(bench, "table", content));
}

static inline void bench_take_warning(void *context, const char *text)
{
    struct bench *bench = context;

    buf_printf(&bench->warnings, "%s\n", text);
}

/* The warnings so far, with the folder left out. */
static inline const char *bench_warnings(struct bench *bench)
{
    struct buf out;
    char *text, *at;

    tables_each_warning(bench->tables, bench_take_warning, bench);
    buf_init(&out, 1 << 20);
    text = bench->warnings.p;
    while ((at = strstr(text, bench->directory))) {
        buf_add(&out, text, (size_t)(at - text));
        text = at + strlen(bench->directory) + 1;
    }
    buf_add_text(&out, text);
    text = arena_copy_str(bench->arena, buf_str(&out));
    buf_done(&out);
    return text;
}

/* The value of key in an open table; "(none)", or "(error)". */
static inline const char *ask_table(struct bench *bench, struct table *table,
                                    const char *key)
{
    struct str value = STR_NONE;
    struct fail why;

    switch (table_lookup(table, str_of(key), bench->arena, &value, &why)) {
    case TABLE_FOUND:
        return arena_copy_str(bench->arena, value);
    case TABLE_NOT_FOUND:
        return "(none)";
    default:
        return "(error)";
    }
}

static inline const char *ask(struct bench *bench, const char *name, const char *key)
{
    return ask_table(bench, table_open(bench->tables, name, 0), key);
}

#endif
