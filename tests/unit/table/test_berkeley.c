/* hash: and btree: files: what the writer makes, the readers find; NUL rules; changes
 * seen; crashes leave the old. */
#include "table/tables.h"

#include <db.h>
#include <fcntl.h>
#include <sys/file.h>

static const char *const types[] = {"hash", "btree"};

static struct table_writer *open_writer(const char *name, enum table_writer_mode mode,
                                        enum table_duplicate duplicate)
{
    struct table_writer_options options = {.places = {PLUGINS, NULL},
                                           .mode = mode,
                                           .duplicate = duplicate,
                                           .with_nul = -1,
                                           .file_mode = 0640};
    struct table_writer *writer;
    struct fail why;

    if (table_writer_open(name, &options, &writer, &why) < 0)
        fail_msg("%s: %s", name, why.text);
    return writer;
}

static void put(struct table_writer *writer, const char *key, const char *value, int want)
{
    struct fail why;

    ROW_INT(key, table_writer_put(writer, str_of(key), str_of(value), &why), want);
}

static void finish(struct table_writer *writer)
{
    struct fail why;

    if (table_writer_finish(writer, &why) < 0)
        fail_msg("finish: %s", why.text);
}

static const char *make(struct bench *bench, const char *type, const char *key,
                        const char *value)
{
    const char *name = arena_printf(bench->arena, "%s:%s/t", type, bench->directory);
    struct table_writer *writer = open_writer(name, TABLE_CREATE, TABLE_KEEP);

    put(writer, key, value, 0);
    finish(writer);
    return name;
}

static void what_is_written_is_found(void **state)
{
    struct bench *bench = *state;

    for (size_t i = 0; i < ROWS(types); i++) {
        const char *name =
            arena_printf(bench->arena, "%s:%s/%s", types[i], bench->directory, types[i]);
        struct table_writer *writer = open_writer(name, TABLE_CREATE, TABLE_KEEP);
        struct stat st;

        put(writer, "Foo", "bar", 0);
        put(writer, "fOO", "again", 1);
        put(writer, "baz", "x y", 0);
        finish(writer);
        ROW_TEXT(name, ask(bench, name, "FOO"), "bar");
        ROW_TEXT(name, ask(bench, name, "baz"), "x y");
        ROW_TEXT(name, ask(bench, name, "ba"), "(none)");
        assert_int_equal(
            stat(arena_printf(bench->arena, "%s/%s.db", bench->directory, types[i]), &st),
            0);
        ROW_INT(name, st.st_mode & 07777, 0640);
    }
}

static void replace_takes_the_last_value(void **state)
{
    struct bench *bench = *state;
    const char *name = arena_printf(bench->arena, "hash:%s/t", bench->directory);
    struct table_writer *writer = open_writer(name, TABLE_CREATE, TABLE_REPLACE);

    put(writer, "a", "1", 0);
    put(writer, "a", "2", 1);
    finish(writer);
    assert_string_equal(ask(bench, name, "a"), "2");
}

static void entries_change_in_place(void **state)
{
    struct bench *bench = *state;
    const char *name = make(bench, "btree", "a", "1");
    struct table_writer *writer = open_writer(name, TABLE_CHANGE, TABLE_KEEP);
    struct fail why;

    put(writer, "b", "2", 0);
    assert_int_equal(table_writer_delete(writer, STR("A"), &why), 1);
    assert_int_equal(table_writer_delete(writer, STR("A"), &why), 0);
    finish(writer);
    assert_string_equal(ask(bench, name, "a"), "(none)");
    assert_string_equal(ask(bench, name, "b"), "2");
}

static void changing_makes_a_file_that_is_not_there(void **state)
{
    struct bench *bench = *state;
    const char *name = arena_printf(bench->arena, "hash:%s/new", bench->directory);
    struct table_writer *writer = open_writer(name, TABLE_CHANGE, TABLE_KEEP);

    put(writer, "a", "1", 0);
    finish(writer);
    assert_string_equal(ask(bench, name, "a"), "1");
}

static void lists_all_entries(void **state)
{
    struct bench *bench = *state;
    const char *name = make(bench, "btree", "a", "1");
    struct table_writer *writer = open_writer(name, TABLE_CHANGE, TABLE_KEEP);
    struct table *table;
    struct str key, value;
    struct fail why;

    put(writer, "b", "2", 0);
    finish(writer);
    table = table_open(bench->tables, name, 0);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(table_next(table, true, &key, &value, &why), TABLE_FOUND);
        ROW_EQ("first", key, "a");
        ROW_EQ("first", value, "1");
        assert_int_equal(table_next(table, false, &key, &value, &why), TABLE_FOUND);
        ROW_EQ("second", key, "b");
        assert_int_equal(table_next(table, false, &key, &value, &why), TABLE_NOT_FOUND);
    }
}

/* Keys and values without NUL, as -n makes them and other software does. */
static void keys_without_nul_are_found_too(void **state)
{
    struct bench *bench = *state;
    const char *name = arena_printf(bench->arena, "hash:%s/t", bench->directory);
    struct table_writer_options options = {
        .places = {PLUGINS, NULL}, .with_nul = 0, .file_mode = 0644};
    struct table_writer *writer;
    struct fail why;

    assert_int_equal(table_writer_open(name, &options, &writer, &why), 0);
    put(writer, "a", "1", 0);
    finish(writer);
    assert_string_equal(ask(bench, name, "a"), "1");
}

static void a_hit_decides_whether_keys_have_nul(void **state)
{
    struct bench *bench = *state;
    const char *name = make(bench, "hash", "with", "1");
    struct table_writer_options options = {.places = {PLUGINS, NULL},
                                           .mode = TABLE_CHANGE,
                                           .with_nul = 0,
                                           .file_mode = 0644};
    struct table_writer *writer;
    struct table *table;
    struct fail why;

    assert_int_equal(table_writer_open(name, &options, &writer, &why), 0);
    put(writer, "without", "2", 0);
    finish(writer);
    table = table_open(bench->tables, name, 0);
    assert_string_equal(ask_table(bench, table, "with"), "1");
    assert_string_equal(ask_table(bench, table, "without"), "(none)");
}

static void a_rebuilt_index_counts_as_changed(void **state)
{
    struct bench *bench = *state;
    const char *name = make(bench, "hash", "a", "1"), *changed = NULL;
    struct table *table = table_open(bench->tables, name, 0);

    assert_string_equal(ask_table(bench, table, "a"), "1");
    assert_false(tables_changed(bench->tables, &changed));
    make(bench, "hash", "a", "2");
    assert_true(tables_changed(bench->tables, &changed));
    assert_string_equal(changed, name);
    assert_string_equal(ask_table(bench, table, "a"), "1"); /* the old file, whole */
    assert_true(tables_refresh(bench->tables));
    assert_string_equal(ask_table(bench, table, "a"), "2");
    assert_false(tables_changed(bench->tables, &changed));
}

static void an_aborted_build_leaves_the_old_index(void **state)
{
    struct bench *bench = *state;
    const char *name = make(bench, "hash", "a", "1");
    struct table_writer *writer = open_writer(name, TABLE_CREATE, TABLE_KEEP);

    put(writer, "a", "2", 0);
    assert_string_equal(ask(bench, name, "a"), "1"); /* nobody waits for the new one */
    table_writer_abort(writer);
    assert_true(tables_refresh(bench->tables));
    assert_string_equal(ask(bench, name, "a"), "1");
    assert_int_equal(
        system(arena_printf(bench->arena, "test $(ls %s | wc -l) = 1", bench->directory)),
        0);
}

static void a_damaged_index_is_an_error(void **state)
{
    struct bench *bench = *state;

    bench_file(bench, "bad.db", "this is no database at all, whatever its name may say");
    bench_file(bench, "empty.db", "");
    assert_string_equal(
        ask(bench, arena_printf(bench->arena, "hash:%s/bad", bench->directory), "a"),
        "(error)");
    assert_string_equal(
        ask(bench, arena_printf(bench->arena, "hash:%s/empty", bench->directory), "a"),
        "(error)");
    make(bench, "hash", "a", "1");
    assert_string_equal(
        ask(bench, arena_printf(bench->arena, "btree:%s/t", bench->directory), "a"),
        "(error)");
}

static void an_index_older_than_its_source_is_told(void **state)
{
    struct bench *bench = *state;
    struct timespec past[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    const char *name = make(bench, "hash", "a", "1");

    bench_file(bench, "t", "a 2\n");
    utimensat(AT_FDCWD, bench_path(bench, "t.db"), past, 0);
    assert_string_equal(ask(bench, name, "a"), "1");
    assert_string_equal(bench_warnings(bench),
                        "database t.db is older than source file t\n");
}

static void no_configuration_is_read_from_where_we_stand(void **state)
{
    struct bench *bench = *state;
    const char *name = make(bench, "hash", "a", "1");
    char here[4096];

    assert_non_null(getcwd(here, sizeof(here)));
    bench_file(bench, "DB_CONFIG", "set_data_dir /nonexistent\nno such statement\n");
    assert_int_equal(chdir(bench->directory), 0);
    assert_string_equal(ask(bench, name, "a"), "1");
    assert_string_equal(ask(bench, "hash:t", "a"), "1"); /* and names may be relative */
    assert_int_equal(chdir(here), 0);
}

static void other_types_are_not_written(void **state)
{
    struct table_writer_options options = {.places = {PLUGINS, NULL}};
    struct table_writer *writer;
    struct fail why;

    (void)state;
    assert_int_equal(table_writer_open("regexp:/tmp/x", &options, &writer, &why), -1);
    assert_string_equal(why.text, "regexp:/tmp/x map requires O_RDONLY access mode");
    assert_int_equal(table_writer_open("/tmp/x", &options, &writer, &why), -1);
}

static void a_folder_that_is_not_there_is_told(void **state)
{
    struct table_writer_options options = {.places = {PLUGINS, NULL}, .file_mode = 0644};
    struct table_writer *writer;
    struct fail why;

    (void)state;
    assert_int_equal(table_writer_open("hash:/nonexistent/x", &options, &writer, &why),
                     -1);
    assert_string_equal(why.text,
                        "open database /nonexistent/x.db: No such file or directory");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_found),
        TEST(replace_takes_the_last_value),
        TEST(entries_change_in_place),
        TEST(changing_makes_a_file_that_is_not_there),
        TEST(lists_all_entries),
        TEST(keys_without_nul_are_found_too),
        TEST(a_hit_decides_whether_keys_have_nul),
        TEST(a_rebuilt_index_counts_as_changed),
        TEST(a_damaged_index_is_an_error),
        TEST(an_index_older_than_its_source_is_told),
        TEST(no_configuration_is_read_from_where_we_stand),
        TEST(an_aborted_build_leaves_the_old_index),
        cmocka_unit_test(other_types_are_not_written),
        cmocka_unit_test(a_folder_that_is_not_there_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
