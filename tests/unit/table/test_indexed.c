/* What holds for every type that postmap makes: hash, btree, lmdb, cdb. */
#include "table/tables.h"

#include "table/index.h"

#include <fcntl.h>
#include <sys/stat.h>

static const char *const types[] = {"hash", "btree", "lmdb", "cdb"};
static const char *const suffixes[] = {"db", "db", "lmdb", "cdb"};

static void note(void *context, const char *text)
{
    bench_take_warning(context, text);
}

/* Make type:DIRECTORY/type of text; its name. */
static const char *make(struct bench *bench, const char *type, const char *text,
                        int with_nul)
{
    struct index_options options = {.places = {PLUGINS, NULL},
                                    .syntax = INDEX_MAP,
                                    .with_nul = with_nul,
                                    .warn = note,
                                    .context = bench};
    const char *name =
        arena_printf(bench->arena, "%s:%s", type, bench_file(bench, type, text));
    struct fail why;

    options.places.lists =
        bench_file(bench, "dynamicmaps.cf", "lmdb postfix-lmdb.so\ncdb postfix-cdb.so\n");
    options.places.lists = bench->directory;
    if (index_build(name, &options, &why) < 0)
        fail_msg("%s: %s", name, why.text);
    return name;
}

static int open_bench(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct tables_options options = {.places = {PLUGINS, bench->directory}};

    bench_open_with(bench, &options);
    *state = bench;
    return 0;
}

static void entries_are_found_listed_and_nothing_else(void **state)
{
    struct bench *bench = *state;

    for (size_t i = 0; i < ROWS(types); i++) {
        const char *name = make(bench, types[i], "Foo bar\nb two words\n", -1);
        struct table *table = table_open(bench->tables, name, 0);
        struct str key, value;
        struct fail why;
        int n = 0;

        ROW_TEXT(name, ask(bench, name, "FOO"), "bar");
        ROW_TEXT(name, ask(bench, name, "b"), "two words");
        ROW_TEXT(name, ask(bench, name, "fo"), "(none)");
        ROW_TEXT(name, ask(bench, name, ""), "(none)");
        ROW_TEXT(name, ask(bench, name, arena_printf(bench->arena, "%0600d", 1)),
                 "(none)");
        for (bool first = true;
             table_next(table, first, &key, &value, &why) == TABLE_FOUND; first = false)
            n++;
        assert_int_equal(n, 2);
    }
}

static void keys_with_and_without_nul_are_read(void **state)
{
    struct bench *bench = *state;

    for (size_t i = 0; i < ROWS(types); i++)
        for (int nul = 0; nul <= 1; nul++) {
            const char *name = make(bench, types[i], "a 1\nb 2\n", nul);

            ROW_TEXT(name, tables_refresh(bench->tables) ? "fresh" : "old", "fresh");
            ROW_TEXT(name, ask(bench, name, "a"), "1");
            ROW_TEXT(name, ask(bench, name, "b"), "2");
        }
}

static void a_table_made_anew_is_seen_and_leaves_nothing_behind(void **state)
{
    struct bench *bench = *state;

    for (size_t i = 0; i < ROWS(types); i++) {
        const char *name = make(bench, types[i], "a 1\n", -1);

        ROW_TEXT(name, ask(bench, name, "a"), "1");
        assert_false(tables_changed(bench->tables, NULL));
        make(bench, types[i], "a 2\n", -1);
        ROW_TEXT(name, tables_changed(bench->tables, NULL) ? "yes" : "no", "yes");
        ROW_TEXT(name, tables_refresh(bench->tables) ? "fresh" : "old", "fresh");
        ROW_TEXT(name, ask(bench, name, "a"), "2");
    }
    assert_int_not_equal(
        system(arena_printf(bench->arena, "ls %s | grep -q tmp", bench->directory)), 0);
}

static void add_many(struct buf *text)
{
    buf_init(text, 1 << 20);
    for (int i = 0; i < 3000; i++)
        buf_printf(text, "key%d value%d\n", i, i);
}

static void cut_index(struct bench *bench, size_t type, int part)
{
    const char *index = arena_printf(bench->arena, "%s/%s.%s", bench->directory,
                                     types[type], suffixes[type]);
    struct stat st;

    assert_int_equal(stat(index, &st), 0);
    assert_int_equal(truncate(index, st.st_size * part / 10), 0);
}

/* reliability: T36. A key that is there is found, or it is an error. */
static void a_table_cut_short_says_so(void **state)
{
    struct bench *bench = *state;
    struct buf text;

    add_many(&text);
    for (size_t i = 0; i < ROWS(types); i++)
        for (int part = 0; part < 10; part++) {
            const char *name = make(bench, types[i], text.p, -1);
            struct tables_options options = {.places = {PLUGINS, bench->directory}};
            struct tables *tables;

            cut_index(bench, i, part);
            tables = tables_new_with(&options);
            for (int k = 0; k < 3000; k += 500) {
                const char *key = arena_printf(bench->arena, "key%d", k);
                const char *got = ask_table(bench, table_open(tables, name, 0), key);

                if (strcmp(got, "(none)") == 0)
                    fail_msg("%s cut to %d/10: %s is not found", name, part, key);
            }
            tables_free(tables);
        }
    buf_done(&text);
}

/* The same of a table that is open: a key that is there is found, or it is an error, and
 * nobody dies. */
static void a_table_cut_short_while_open_says_so(void **state)
{
    struct bench *bench = *state;
    struct buf text;

    add_many(&text);
    for (size_t i = 0; i < ROWS(types); i++)
        for (int part = 0; part < 10; part++) {
            const char *name = make(bench, types[i], text.p, -1);
            struct tables_options options = {.places = {PLUGINS, bench->directory}};
            struct tables *tables = tables_new_with(&options);
            struct table *table = table_open(tables, name, 0);

            ROW_TEXT(name, ask_table(bench, table, "key1"), "value1");
            cut_index(bench, i, part);
            for (int k = 0; k < 3000; k += 100) {
                const char *key = arena_printf(bench->arena, "key%d", k);
                const char *got = ask_table(bench, table, key);

                if (strncmp(got, "(error", 6) != 0 &&
                    strcmp(got, arena_printf(bench->arena, "value%d", k)) != 0)
                    fail_msg("%s cut to %d/10: %s is %s", name, part, key, got);
            }
            tables_free(tables);
        }
    buf_done(&text);
}

/* Two libraries that map files in one process: neither takes the other's handler away. */
static void tables_of_two_types_cut_short_say_so(void **state)
{
    struct bench *bench = *state;
    struct table *tables[ROWS(types)];
    struct buf text;

    add_many(&text);
    for (size_t i = 0; i < ROWS(types); i++) {
        tables[i] = table_open(bench->tables, make(bench, types[i], text.p, -1), 0);
        ROW_TEXT(types[i], ask_table(bench, tables[i], "key1"), "value1");
    }
    for (size_t i = 0; i < ROWS(types); i++)
        assert_int_equal(truncate(arena_printf(bench->arena, "%s/%s.%s", bench->directory,
                                               types[i], suffixes[i]),
                                  20000),
                         0);
    for (int k = 0; k < 3000; k += 100)
        for (size_t i = 0; i < ROWS(types); i++) {
            const char *key = arena_printf(bench->arena, "key%d", k);
            const char *got = ask_table(bench, tables[i], key);

            if (strcmp(got, "(error)") != 0 &&
                strcmp(got, arena_printf(bench->arena, "value%d", k)) != 0)
                fail_msg("%s cut short: %s is %s", types[i], key, got);
        }
    buf_done(&text);
}

static void lmdb_grows_as_needed(void **state)
{
    struct bench *bench = *state;
    struct buf text;
    const char *name;

    buf_init(&text, 1 << 24);
    for (int i = 0; i < 40000; i++)
        buf_printf(&text, "key%d %0100d\n", i * 7919 % 40000, i);
    name = make(bench, "lmdb", text.p, -1);
    buf_done(&text);
    assert_int_equal(strlen(ask(bench, name, "key39999")), 100);
    assert_int_equal(strlen(ask(bench, name, "key0")), 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, bench_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(entries_are_found_listed_and_nothing_else),
        TEST(keys_with_and_without_nul_are_read),
        TEST(a_table_made_anew_is_seen_and_leaves_nothing_behind),
        TEST(a_table_cut_short_says_so),
        TEST(a_table_cut_short_while_open_says_so),
        TEST(tables_of_two_types_cut_short_say_so),
        TEST(lmdb_grows_as_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
