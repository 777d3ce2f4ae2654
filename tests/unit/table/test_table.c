/* The registry: three answers, failed opens, folding, sharing, refreshing. */
#include "table/tables.h"

#include "table/type.h"
#include "util/log.h"

static void a_table_that_does_not_open_answers_error(void **state)
{
    static const char *const names[] = {
        "hash:/nonexistent/table",
        "texthash:/nonexistent/table",
        "cidr:/nonexistent/table",
        "regexp:/nonexistent/t",
        "pcre:/nonexistent/table",
        "nosuchtype:table",
        "static:",
        "inline:{x}",
        "unix:shadow.byname",
        "proxy:x",
    };
    struct bench *bench = *state;

    for (size_t i = 0; i < ROWS(names); i++) {
        struct table *table = table_open(bench->tables, names[i], 0);
        struct str key, value;
        struct fail why;

        ROW_TEXT(names[i], ask_table(bench, table, "key"), "(error)");
        assert_non_null(table_failure(table));
        ROW_INT(names[i], table_next(table, true, &key, &value, &why), TABLE_ERROR);
    }
    assert_non_null(
        strstr(tables_open_failure(bench->tables), "hash:/nonexistent/table"));
}

static void the_failure_names_the_table(void **state)
{
    struct bench *bench = *state;
    struct table *table = table_open(bench->tables, "hash:/nonexistent/table", 0);
    struct fail why;

    assert_string_equal(table_failure(table),
                        "open database /nonexistent/table.db: No such file or directory");
    assert_int_equal(table_lookup(table, STR("x"), bench->arena, NULL, &why),
                     TABLE_ERROR);
    assert_non_null(strstr(why.text, "hash:/nonexistent/table"));
    table = table_open(bench->tables, "x:y", 0);
    assert_string_equal(table_failure(table), "unsupported dictionary type: x");
}

static void equal_opens_share_a_table_and_flags_part_them(void **state)
{
    struct bench *bench = *state;
    struct table *a = table_open(bench->tables, "static:x", 0);

    assert_ptr_equal(a, table_open(bench->tables, "static:x", 0));
    assert_ptr_not_equal(a, table_open(bench->tables, "static:x", TABLE_NO_FOLD));
}

static void keys_of_fixed_tables_are_folded(void **state)
{
    struct bench *bench = *state;
    const char *name = "inline:{Joe=yes}";

    assert_string_equal(ask(bench, name, "JOE"), "yes");
    assert_string_equal(
        ask_table(bench, table_open(bench->tables, name, TABLE_NO_FOLD), "joe"),
        "(none)");
    assert_string_equal(
        ask_table(bench, table_open(bench->tables, name, TABLE_NO_FOLD), "Joe"), "yes");
}

static void a_key_with_nul_is_never_found(void **state)
{
    struct bench *bench = *state;
    struct table *table = table_open(bench->tables, "static:x", 0);

    assert_int_equal(table_lookup(table, str_from("a\0b", 3), bench->arena, NULL, NULL),
                     TABLE_NOT_FOUND);
}

static void smtputf8_asks_for_utf8_on_both_sides(void **state)
{
    struct tables_options options = {.places = {PLUGINS, NULL}, .smtputf8 = true};
    struct bench *bench = *state;
    struct tables *tables = tables_new_with(&options);
    struct table *table = table_open(tables, "inline:{k=\xff, \xc3\x84=umlaut}", 0);

    assert_string_equal(ask_table(bench, table, "k"), "(error)");
    assert_string_equal(ask_table(bench, table, "\xff"), "(none)");
    assert_string_equal(ask_table(bench, table, "\xc3\xa4"), "umlaut");
    table = table_open(tables, "inline:{k=\xff}", TABLE_NO_UTF8);
    assert_string_equal(ask_table(bench, table, "k"), "\xff");
    tables_free(tables);
}

static void a_name_without_type_gets_the_default(void **state)
{
    struct tables_options options = {.places = {PLUGINS, NULL}, .default_type = "static"};
    struct tables *tables = tables_new_with(&options);

    assert_string_equal(table_name(table_open(tables, "abc", 0)), "static:abc");
    assert_string_equal(ask_table(*state, table_open(tables, "abc", 0), "k"), "abc");
    tables_free(tables);
}

static void direct_looks_through_proxy(void **state)
{
    struct bench *bench = *state;
    struct table *table = table_open(bench->tables, "proxy:inline:{a=b}", TABLE_DIRECT);

    assert_string_equal(ask_table(bench, table, "a"), "b");
}

static void pattern_tables_are_known_also_behind_proxy(void **state)
{
    static const struct {
        const char *name;
        bool fixed;
    } rows[] = {
        {"static:x", true},          {"inline:{a=b}", true},
        {"hash:/nonexistent", true}, {"cidr:/dev/null", false},
        {"regexp:/dev/null", false}, {"pcre:/dev/null", false},
        {"proxy:hash:/x", true},     {"proxy:regexp:/x", false},
    };
    struct bench *bench = *state;

    for (size_t i = 0; i < ROWS(rows); i++)
        ROW_INT(rows[i].name, table_is_fixed(table_open(bench->tables, rows[i].name, 0)),
                rows[i].fixed);
}

static void refresh_opens_what_failed_before(void **state)
{
    struct bench *bench = *state;
    const char *name =
        arena_printf(bench->arena, "texthash:%s", bench_path(bench, "table"));
    struct table *table = table_open(bench->tables, name, 0);

    assert_string_equal(ask_table(bench, table, "a"), "(error)");
    bench_file(bench, "table", "a b\n");
    assert_true(tables_refresh(bench->tables));
    assert_string_equal(ask_table(bench, table, "a"), "b");
}

static void the_types_are_listed_in_order(void **state)
{
    struct bench *bench = *state;
    struct table_places places = {PLUGINS, bench->directory};
    struct texts names = {0};

    bench_file(bench, "dynamicmaps.cf",
               "zzz postfix-pcre.so x y\nabsent postfix-absent.so\n");
    table_type_names(&places, bench->arena, &names);
    for (size_t i = 1; i < names.n; i++)
        assert_true(strcmp(names.items[i - 1], names.items[i]) < 0);
    assert_string_equal(names.items[names.n - 1], "zzz");
    assert_true(texts_has(&names, STR("hash"), false));
    assert_false(texts_has(&names, STR("absent"), false));
}

static const struct {
    const char *type, *list, *words;
} refused[] = {
    {"none", "", "unsupported dictionary type: none"},
    {"lmdb", "lmdb postfix-lmdb.so\n",
     "unsupported dictionary type: lmdb (/nonexistent/postfix-lmdb.so: No such file or "
     "directory). Is the postfix-lmdb package installed?"},
    {"hash", "",
     "unsupported dictionary type: hash (/nonexistent/postfix-berkeley.so: No such file "
     "or "
     "directory). Is the postfix-hash package installed?"},
    {"x", "# no\nx\n", "line 2: expected \"type object ...\""},
    {"x", "x " PLUGINS "/postfix-pcre.so\n",
     "unsupported dictionary type: x (it is not in "},
    {"x", "x /lib/x86_64-linux-gnu/libc.so.6\n",
     "undefined symbol: " TABLE_PLUGIN_SYMBOL},
};

static void a_type_that_cannot_be_loaded_says_why(void **state)
{
    struct bench *bench = *state;

    for (size_t i = 0; i < ROWS(refused); i++) {
        struct table_places places = {"/nonexistent", bench->directory};
        struct fail why;

        bench_file(bench, "dynamicmaps.cf", refused[i].list);
        assert_null(table_type_find(&places, str_of(refused[i].type), &why));
        assert_non_null(strstr(why.text, refused[i].words));
    }
}

static void take_line(void *context, enum log_level level, const char *text)
{
    (void)level;
    buf_printf(context, "%s\n", text);
}

static void with_v_the_use_of_each_table_is_told_at_the_end(void **state)
{
    struct tables_options options = {.places = {PLUGINS, NULL}};
    struct tables *tables = tables_new_with(&options);
    struct buf log;

    buf_init(&log, 10000);
    log_open(&(struct log_options){.name = "test", .tag = "test", .verbose = 1});
    log_divert(take_line, &log);
    table_open(tables, "static:unused", 0);
    ask_table(*state, table_open(tables, "inline:{a=b}", 0), "a");
    ask_table(*state, table_open(tables, "inline:{a=b}", 0), "b");
    ask_table(*state, table_open(tables, "fail:x", 0), "b");
    tables_free(tables);
    assert_string_equal(log.p,
                        "statistics: table inline:{a=b}: 2 lookups, 1 found, 0 errors\n"
                        "statistics: table fail:x: 1 lookups, 0 found, 1 errors\n");
    log_divert(NULL, NULL);
    log_open(&(struct log_options){.name = "test", .tag = "test"});
    buf_done(&log);
}

static void a_list_that_others_may_write_is_not_used(void **state)
{
    struct bench *bench = *state;
    struct table_places places = {PLUGINS, bench->directory};
    struct fail why;

    bench_file(bench, "dynamicmaps.cf", "x postfix-pcre.so\n");
    assert_int_equal(chmod(bench_path(bench, "dynamicmaps.cf"), 0666), 0);
    assert_null(table_type_find(&places, STR("x"), &why));
    assert_non_null(strstr(why.text, "owned or writable by non-root users"));
}

/* Who may put another object there between a look at it and its loading has loaded his.
 */
static void an_object_in_a_folder_of_others_is_not_used(void **state)
{
    struct bench *bench = *state;
    const char *folder = bench_path(bench, "objects");
    const char *copy = arena_printf(bench->arena,
                                    "mkdir %s && cp " PLUGINS "/postfix-cdb.so %s && "
                                    "ln -s objects/postfix-cdb.so %s/link.so",
                                    folder, folder, bench->directory);
    struct table_places places = {bench->directory, bench->directory};
    struct fail why;

    assert_int_equal(system(copy), 0);
    bench_file(bench, "dynamicmaps.cf", "cdb objects/postfix-cdb.so\nx link.so\n");
    assert_int_equal(chmod(folder, 0777), 0);
    assert_null(table_type_find(&places, STR("x"), &why));
    assert_null(table_type_find(&places, STR("cdb"), &why));
    assert_non_null(strstr(why.text, "unsupported dictionary type: cdb: folder "));
    assert_non_null(strstr(why.text, "objects is owned or writable by non-root users"));
    assert_int_equal(chmod(folder, 0755), 0);
    assert_non_null(table_type_find(&places, STR("cdb"), &why));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_table_that_does_not_open_answers_error),
        TEST(the_failure_names_the_table),
        TEST(equal_opens_share_a_table_and_flags_part_them),
        TEST(keys_of_fixed_tables_are_folded),
        TEST(a_key_with_nul_is_never_found),
        TEST(smtputf8_asks_for_utf8_on_both_sides),
        TEST(a_name_without_type_gets_the_default),
        TEST(direct_looks_through_proxy),
        TEST(pattern_tables_are_known_also_behind_proxy),
        TEST(refresh_opens_what_failed_before),
        TEST(the_types_are_listed_in_order),
        TEST(a_type_that_cannot_be_loaded_says_why),
        TEST(with_v_the_use_of_each_table_is_told_at_the_end),
        TEST(a_list_that_others_may_write_is_not_used),
        TEST(an_object_in_a_folder_of_others_is_not_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
