/* texthash, inline, static, environ, fail, unix, tables of tables: each in one table of
 * questions. */
#include "table/tables.h"

static const struct {
    const char *table, *key, *value;
} inline_rows[] = {
    {"inline:{foo=bar, {x = y z}, a=b}", "foo", "bar"},
    {"inline:{foo=bar, {x = y z}, a=b}", "x", "y z"},
    {"inline:{foo=bar, {x = y z}, a=b}", "A", "b"},
    {"inline:{foo=bar, {x = y z}, a=b}", "y", "(none)"},
    {"inline:{ a=b=c }", "a", "b=c"},
    {"inline:{a=}", "a", ""},
    {"inline:{foo}", "foo", "(error)"},
    {"inline:{}", "foo", "(error)"},
    {"inline:foo", "foo", "(error)"},
    {"inline:{=x}", "foo", "(none)"},
    {"inline:{a=b", "a", "(error)"},
    {"static:abc", "x", "abc"},
    {"static:{ two words }", "x", "two words"},
    {"static:two words", "x", "two words"},
    {"static:{ open", "x", "(error)"},
    {"fail:because", "x", "(error)"},
    {"environ:x", "POSTERN_TEST", "Value"},
    {"environ:x", "postern_test", "(none)"},
    {"unix:passwd.byname", "root", "root:x:0:0:root:/root:/bin/bash"},
    {"unix:passwd.byname", "ROOT", "root:x:0:0:root:/root:/bin/bash"},
    {"unix:passwd.byname", "no-such-user-here", "(none)"},
    {"unix:group.byname", "root", "root:x:0:"},
    {"unix:group.byname", "no-such-group-here", "(none)"},
    {"internal:x", "a", "(none)"},
    {"randmap:{one}", "a", "one"},
    {"randmap:{ one, one }", "a", "one"},
    {"randmap:{}", "a", "(error)"},
    {"randmap:one", "a", "(error)"},
    {"pipemap:{inline:{a=b}, inline:{b=C}, pcre:{{/(c)/ <$1>}}}", "A", "<C>"},
    {"pipemap:{inline:{a=b}, inline:{x=y}}", "a", "(none)"},
    {"pipemap:{inline:{a=b}, fail:x}", "a", "(error)"},
    {"pipemap:{inline:{a=b}, fail:x}", "b", "(none)"},
    {"pipemap:{inline:{a=b}, none:x}", "a", "(error)"},
    {"pipemap:{}", "a", "(error)"},
    {"pipemap:{x}", "a", "(error)"},
    {"pipemap:static:x", "a", "(error)"},
    {"unionmap:{static:1, inline:{a=2}, static:3}", "a", "1,2,3"},
    {"unionmap:{static:1, inline:{a=2}, static:3}", "b", "1,3"},
    {"unionmap:{inline:{a=2}}", "b", "(none)"},
    {"unionmap:{static:1, fail:x}", "b", "(error)"},
    {"unionmap:{fail:x, static:1}", "b", "(error)"},
    {"unionmap:{unionmap:{static:1}, pipemap:{static:2}}", "b", "1,2"},
    {"debug:inline:{a=b}", "A", "b"},
    {"debug:fail:x", "a", "(error)"},
    {"debug:x", "a", "(error)"},
    {"static:", "a", "(error)"},
    {":x", "a", "(error)"},
};

static void answers_as_its_name_says(void **state)
{
    struct bench *bench = *state;

    setenv("POSTERN_TEST", "Value", 1);
    for (size_t i = 0; i < ROWS(inline_rows); i++) {
        const char *got = ask(bench, inline_rows[i].table, inline_rows[i].key);

        ROW_TEXT(inline_rows[i].table, got, inline_rows[i].value);
    }
}

static void tables_of_patterns_are_asked_for_whole_keys_only(void **state)
{
    static const struct {
        const char *name;
        bool fixed;
    } rows[] = {
        {"unionmap:{static:a, inline:{a=b}}", true},
        {"unionmap:{static:a, cidr:{{1.2.3.4 x}}}", false},
        {"pipemap:{static:a, pcre:{{/x/ y}}}", true},
        {"pipemap:{pcre:{{/x/ y}}, static:a}", false},
        {"debug:regexp:{{/x/ y}}", false},
        {"debug:static:x", true},
    };
    struct bench *bench = *state;

    for (size_t i = 0; i < ROWS(rows); i++)
        assert_int_equal(table_is_fixed(table_open(bench->tables, rows[i].name, 0)),
                         rows[i].fixed);
}

static void inline_lists_in_order_and_warns_of_duplicates(void **state)
{
    struct bench *bench = *state;
    struct table *table = table_open(bench->tables, "inline:{b=1, a=2, B=3}", 0);
    struct str key, value;
    struct fail why;

    assert_int_equal(table_next(table, true, &key, &value, &why), TABLE_FOUND);
    ROW_EQ("first", key, "b");
    ROW_EQ("first", value, "3"); /* as Postfix: the last one */
    assert_int_equal(table_next(table, false, &key, &value, &why), TABLE_FOUND);
    ROW_EQ("second", key, "a");
    assert_int_equal(table_next(table, false, &key, &value, &why), TABLE_NOT_FOUND);
    assert_non_null(strstr(bench_warnings(bench), "duplicate entry: \"b\""));
}

static void types_without_order_refuse_to_list(void **state)
{
    struct bench *bench = *state;
    struct str key, value;
    struct fail why;

    assert_int_equal(
        table_next(table_open(bench->tables, "static:x", 0), true, &key, &value, &why),
        TABLE_ERROR);
    assert_string_equal(why.text, "table static:x: sequence operation is not supported");
}

static const char text[] = "foo bar\n"
                           "Baz  qux  \n"
                           "  more\n"
                           "empty\n"
                           "# c\n"
                           "foo again\n"
                           "k: v\n"
                           "\"a b\"@c quoted\n"
                           "\"open x\n"
                           "cr yes\r\n";

static const struct {
    const char *key, *value;
} text_rows[] = {
    {"foo", "bar"},          {"baz", "qux    more"}, {"empty", "(none)"}, {"k:", "v"},
    {"\"a b\"@c", "quoted"}, {"#", "(none)"},        {"cr", "yes"},
};

static void texthash_reads_what_postmap_reads(void **state)
{
    struct bench *bench = *state;
    const char *name = bench_table(bench, "texthash", text);

    for (size_t i = 0; i < ROWS(text_rows); i++)
        ROW_TEXT(text_rows[i].key, ask(bench, name, text_rows[i].key),
                 text_rows[i].value);
    assert_string_equal(
        bench_warnings(bench),
        "table, line 4: expected format: key whitespace value -- ignoring this line\n"
        "table, line 6: duplicate entry: \"foo\"\n"
        "table, line 7: record is in \"key: value\" format; is this an alias file?\n"
        "table, line 9: unbalanced '\"' in '\"open x' -- ignoring this line\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_as_its_name_says),
        TEST(tables_of_patterns_are_asked_for_whole_keys_only),
        TEST(inline_lists_in_order_and_warns_of_duplicates),
        TEST(types_without_order_refuse_to_list),
        TEST(texthash_reads_what_postmap_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
