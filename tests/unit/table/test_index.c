/* Building an index from text: both syntaxes, duplicates, modes, rights, and what stays
 * on failure. */
#include "table/tables.h"

#include "table/index.h"

static void note(void *context, const char *text)
{
    bench_take_warning(context, text);
}

static struct index_options options_for(struct bench *bench, enum index_syntax syntax)
{
    return (struct index_options){.places = {PLUGINS, NULL},
                                  .syntax = syntax,
                                  .with_nul = -1,
                                  .warn = note,
                                  .context = bench};
}

static void build(const char *name, const struct index_options *options)
{
    struct fail why;

    if (index_build(name, options, &why) < 0)
        fail_msg("%s: %s", name, why.text);
}

static void a_map_is_built_and_complains(void **state)
{
    struct bench *bench = *state;
    struct index_options options = options_for(bench, INDEX_MAP);
    const char *name = bench_table(bench, "hash", "A 1\nb\na 2\nc: 3\n  lead\n");

    build(name, &options);
    assert_string_equal(ask(bench, name, "a"), "1");
    assert_string_equal(ask(bench, name, "c:"), "3  lead");
    assert_string_equal(
        bench_warnings(bench),
        "table, line 2: expected format: key whitespace value\n"
        "table.db: duplicate entry: \"a\"\n"
        "table, line 4: record is in \"key: value\" format; is this an alias file?\n");
}

static void duplicates_go_as_asked(void **state)
{
    struct bench *bench = *state;
    struct index_options options = options_for(bench, INDEX_MAP);
    const char *name = bench_table(bench, "btree", "a 1\na 2\n");

    options.duplicate = INDEX_DUPLICATE_QUIET;
    build(name, &options);
    assert_string_equal(ask(bench, name, "a"), "1");
    options.duplicate = INDEX_DUPLICATE_REPLACE;
    build(name, &options);
    assert_true(tables_refresh(bench->tables));
    assert_string_equal(ask(bench, name, "a"), "2");
    assert_string_equal(bench_warnings(bench), "");
}

static void lines_that_are_not_utf8_are_left_out(void **state)
{
    struct bench *bench = *state;
    struct index_options options = options_for(bench, INDEX_MAP);
    const char *name = bench_table(bench, "hash", "k\344 1\nB 2\nb 3\n");

    options.smtputf8 = true;
    build(name, &options);
    assert_string_equal(ask(bench, name, "b"), "2");
    assert_string_equal(
        bench_warnings(bench),
        "table, line 1: non-UTF-8 input \"k\344 1\" -- ignoring this line\n"
        "table.db: duplicate entry: \"b\"\n");
}

static void aliases_are_built_with_their_marks(void **state)
{
    struct bench *bench = *state;
    struct index_options options = options_for(bench, INDEX_ALIASES);
    const char *name = bench_table(bench, "hash", "Joe: bob,sue\nbad\n\"x y\": z\n");

    build(name, &options);
    assert_string_equal(ask(bench, name, "JOE"), "bob, sue");
    assert_string_equal(ask(bench, name, "x y"), "z");
    assert_string_equal(ask(bench, name, "@"), "@");
    assert_true(strtoll(ask_table(bench, table_open(bench->tables, name, TABLE_NO_FOLD),
                                  "YP_LAST_MODIFIED"),
                        NULL, 10) > 1000000000);
    assert_string_equal(bench_warnings(bench), "table, line 2: need name:value pair\n");
}

static void the_index_has_the_mode_of_its_source(void **state)
{
    struct bench *bench = *state;
    struct index_options options = options_for(bench, INDEX_MAP);
    const char *name = bench_table(bench, "hash", "a 1\n");
    struct stat st;

    assert_int_equal(chmod(bench_path(bench, "table"), 0600), 0);
    build(name, &options);
    assert_int_equal(stat(bench_path(bench, "table.db"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    options.plain_mode = true;
    build(name, &options);
    assert_int_equal(stat(bench_path(bench, "table.db"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
}

static void root_builds_as_the_owner_of_the_source(void **state)
{
    struct bench *bench = *state;
    struct index_options options = options_for(bench, INDEX_MAP);
    const char *name = bench_table(bench, "hash", "a 1\n");
    struct fail why;
    struct stat st;

    if (geteuid() != 0) {
        print_message("needs root: rights cannot be changed here\n");
        skip();
    }
    assert_int_equal(chown(bench_path(bench, "table"), 65534, 65534), 0);
    assert_int_equal(chmod(bench->directory, 0755), 0);
    /* the folder is root's: the owner of the source may not write there */
    assert_int_equal(index_build(name, &options, &why), -1);
    assert_non_null(strstr(why.text, "Permission denied"));
    assert_int_equal(geteuid(), 0);
    assert_int_equal(chown(bench->directory, 65534, 65534), 0);
    build(name, &options);
    assert_int_equal(stat(bench_path(bench, "table.db"), &st), 0);
    assert_int_equal(st.st_uid, 65534);
    assert_int_equal(geteuid(), 0);
    /* who makes a link to a file of root's gains nothing by it */
    assert_int_equal(unlink(bench_path(bench, "table.db")), 0);
    assert_int_equal(rename(bench_path(bench, "table"), bench_path(bench, "other")), 0);
    assert_int_equal(chown(bench_path(bench, "other"), 0, 0), 0);
    assert_int_equal(symlink(bench_path(bench, "other"), bench_path(bench, "table")), 0);
    assert_int_equal(lchown(bench_path(bench, "table"), 65534, 65534), 0);
    build(name, &options);
    assert_int_equal(stat(bench_path(bench, "table.db"), &st), 0);
    assert_int_equal(st.st_uid, 65534);
    assert_string_equal(bench_warnings(bench), "");
    /* not even to read it */
    assert_int_equal(chmod(bench_path(bench, "other"), 0600), 0);
    assert_int_equal(index_build(name, &options, &why), -1);
    assert_non_null(strstr(why.text, "Permission denied"));
    assert_int_equal(geteuid(), 0);
    assert_int_equal(chmod(bench_path(bench, "other"), 0644), 0);
    /* root's file in a folder that is not root's is worth a warning */
    assert_int_equal(unlink(bench_path(bench, "table")), 0);
    assert_int_equal(rename(bench_path(bench, "other"), bench_path(bench, "table")), 0);
    build(name, &options);
    assert_string_equal(bench_warnings(bench),
                        "table: the index will belong to root, but its directory to user "
                        "id 65534, who can replace it\n");
    assert_int_equal(chown(bench_path(bench, "table.db"), 65534, 65534), 0);
    /* an index of the owner's in a folder of root's is rewritten in place */
    assert_int_equal(chown(bench->directory, 0, 0), 0);
    bench_file(bench, "table", "a 2\n");
    assert_int_equal(chown(bench_path(bench, "table"), 65534, 65534), 0);
    build(name, &options);
    assert_string_equal(ask(bench, name, "a"), "2");
}

static void values_may_be_the_content_of_files(void **state)
{
    struct bench *bench = *state;
    struct index_options options = options_for(bench, INDEX_MAP);
    const char *one = bench_file(bench, "one", "first\nline");
    const char *two = bench_file(bench, "two", "\344\n");
    const char *name =
        bench_table(bench, "hash",
                    arena_printf(bench->arena, "a %s, %s\nb %s %s/none\nc %s\n", one, two,
                                 one, bench->directory, one));
    struct table *content;

    options.files = options.smtputf8 = true;
    build(name, &options);
    content = table_open(bench->tables, name, TABLE_FILES);
    assert_string_equal(ask_table(bench, content, "a"), "first\nline\n\344\n");
    assert_string_equal(ask_table(bench, content, "b"), "(none)");
    assert_string_equal(ask(bench, name, "c"), "Zmlyc3QKbGluZQ==");
    assert_string_equal(bench_warnings(bench),
                        "table, line 2: open none: No such file or directory: skipping "
                        "this entry\n");
    /* other tables hold names */
    name = arena_printf(bench->arena, "inline:{a=%s}", one);
    content = table_open(bench->tables, name, TABLE_FILES);
    assert_string_equal(ask_table(bench, content, "a"), "first\nline");
    /* and an index that holds something else is broken */
    name = bench_table(bench, "btree", "a plain!\n");
    options.files = false;
    build(name, &options);
    content = table_open(bench->tables, name, TABLE_FILES);
    assert_string_equal(ask_table(bench, content, "a"), "(error)");
}

static void failures_leave_nothing_behind(void **state)
{
    struct bench *bench = *state;
    struct index_options options = options_for(bench, INDEX_MAP);
    struct fail why;

    assert_int_equal(
        index_build(arena_printf(bench->arena, "hash:%s/none", bench->directory),
                    &options, &why),
        -1);
    assert_non_null(strstr(why.text, "No such file or directory"));
    assert_int_equal(index_build(bench_table(bench, "regexp", ""), &options, &why), -1);
    assert_string_equal(
        why.text,
        "unsupported dictionary type: regexp does not support bulk-mode creation.");
    assert_int_equal(index_build(arena_printf(bench->arena, "hash:%s", bench->directory),
                                 &options, &why),
                     -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_map_is_built_and_complains),
        TEST(duplicates_go_as_asked),
        TEST(lines_that_are_not_utf8_are_left_out),
        TEST(aliases_are_built_with_their_marks),
        TEST(the_index_has_the_mode_of_its_source),
        TEST(root_builds_as_the_owner_of_the_source),
        TEST(values_may_be_the_content_of_files),
        TEST(failures_leave_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
