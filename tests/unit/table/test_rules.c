/* cidr, regexp and pcre: matching, nesting, substitution, and the warnings of bad rules.
 */
#include "table/tables.h"

static const struct {
    const char *type, *rules, *key, *value;
} rows[] = {
    {"cidr", "10.0.0.0/8 ten\n0.0.0.0/0 all\n", "10.1.1.1", "ten"},
    {"cidr", "10.0.0.0/8 ten\n0.0.0.0/0 all\n", "1.1.1.1", "all"},
    {"cidr", "10.0.0.0/8 ten\n0.0.0.0/0 all\n", "::1", "(none)"},
    {"cidr", "10.0.0.0/8 ten\n", "not.an.address", "(none)"},
    {"cidr", "[::1]/128 six\n", "::1", "six"},
    {"cidr", "fd00::/8 private\n", "fd12::1", "private"},
    {"cidr", "!10.0.0.0/8 other\n", "1.1.1.1", "other"},
    {"cidr", "!10.0.0.0/8 other\n", "::1", "(none)"},
    {"cidr", "if !10.0.0.0/8\n::1 in\nendif\n::1 out\n", "::1", "out"},
    {"cidr", "! 10.0.0.0/8 other\n", "10.1.1.1", "(none)"},
    {"cidr", "if 10.0.0.0/8\n10.1.0.0/16 in\nendif\n1.1.1.1 out\n", "10.1.2.3", "in"},
    {"cidr", "if 10.0.0.0/8\n1.1.1.1 in\nendif\n1.1.1.1 out\n", "1.1.1.1", "out"},
    {"cidr", "IF !10.0.0.0/8\n1.1.1.1 in\nENDIF\n", "1.1.1.1", "in"},
    {"cidr", "if 10.0.0.0/8\nif 10.1.0.0/16\n10.1.1.1 x\nendif\n10.1.1.2 y\nendif\n",
     "10.1.1.2", "y"},
    {"cidr", "10.0.0.0/8 $1 as it is\n", "10.1.1.1", "$1 as it is"},
    {"regexp", "/foo/ bar\n", "a FOO b", "bar"},
    {"regexp", "/foo/i bar\n", "FOO", "(none)"},
    {"regexp", "/f(o+)b/ <$1> ${1}${1} $(1) $$\n", "xfoob", "<oo> oooo oo $"},
    {"regexp", "/(a)(b)?c/ [$2]\n", "ac", "[]"},
    {"regexp", "|a/b| slash\n", "a/b", "slash"},
    {"regexp", "/a\\/b/ slash\n", "a/b", "slash"},
    {"regexp", "!/foo/ none\n", "bar", "none"},
    {"regexp", "!/foo/ none\n", "foo", "(none)"},
    {"regexp", "if /x/\n/foo/ bar\nendif\n/f/ z\n", "foo", "z"},
    {"regexp", "if /x/\n/foo/ bar\nendif\n/f/ z\n", "xfoo", "bar"},
    {"regexp", "if !/x/\nif /y/\n/foo/ both\nendif\nendif\n", "yfoo", "both"},
    {"regexp", "if !/x/\nif /y/\n/foo/ both\nendif\nendif\n/./ end\n", "foo", "end"},
    {"regexp", "if /x/\n/foo/ bar\n", "foo", "(none)"},
    {"regexp", "/one/\n  two\n", "one", "two"},
    {"regexp", "/a.b/ newline\n", "a\nb", "newline"},
    {"pcre", "/foo/ bar\n", "a FOO b", "bar"},
    {"pcre", "/^FooB/ bar\n", "fOObx", "bar"},
    {"pcre", "/^Foo/ bar\n", "fo", "(none)"},
    {"pcre", "/^foox?/ bar\n", "foo", "bar"},
    {"pcre", "/^foox*/ bar\n", "foo", "bar"},
    {"pcre", "/^foox{0,2}/ bar\n", "foo", "bar"},
    {"pcre", "/^foox+/ bar\n", "fooxx", "bar"},
    {"pcre", "/^foo|baz/ bar\n", "abazz", "bar"},
    {"pcre", "/^foo[(]|baz/ bar\n", "abazz", "bar"},
    {"pcre", "/^foo(a|b)/ bar\n", "foob", "bar"},
    {"pcre", "/^foo(a|b)|z/ bar\n", "z", "bar"},
    {"pcre", "/^foo\\|z/ bar\n", "foo|z", "bar"},
    {"pcre", "/^foo/m bar\n", "x\nfoo", "bar"},
    {"pcre", "/^f o o/x bar\n", "foo", "bar"},
    {"pcre", "/^\\QFoo/ bar\n", "foo", "bar"},
    {"pcre", "!/^foo/ bar\n", "x", "bar"},
    {"pcre", "!/^foo/ bar\n", "foo", "(none)"},
    {"pcre", "if /^foo/\n/./ in\nendif\n/./ out\n", "bar", "out"},
    {"pcre", "if !/^foo/\n/./ in\nendif\n/./ out\n", "bar", "in"},
    {"regexp", "/^FooB/ bar\n", "fOObx", "bar"},
    {"regexp", "/^foox?/ bar\n", "foo", "bar"},
    {"regexp", "/^foox\\{0,1\\}/x bar\n", "foo", "bar"},
    {"regexp", "/^foo|baz/ bar\n", "abazz", "bar"},
    {"regexp", "/^foo/m bar\n", "x\nfoo", "bar"},
    {"regexp", "/^foo/i bar\n", "FOO", "(none)"},
    {"pcre", "/foo/i bar\n", "FOO", "(none)"},
    {"pcre", "/^(\\d{3})-(?<x>\\w+)$/ $2.$1\n", "123-abc", "abc.123"},
    {"pcre", "/a.b/ newline\n", "a\nb", "newline"},
    {"pcre", "/a.b/s newline\n", "a\nb", "(none)"},
    {"pcre", "/a b/x joined\n", "ab", "joined"},
    {"pcre", "/b/A anchored\n", "ab", "(none)"},
    {"pcre", "/<(.+)>/U ($1)\n", "<a><b>", "(a)"},
    {"pcre", "/x/ one $$ two\n", "x", "one $ two"},
    {"pcre", "/^(a+)+$/ evil\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
     "(error)"},
};

static void the_first_rule_that_matches_wins(void **state)
{
    struct bench *bench = *state;

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tables_options none = {.places = {PLUGINS, NULL}};
        struct tables *tables = tables_new_with(&none);
        const char *name = bench_table(bench, rows[i].type, rows[i].rules);

        ROW_TEXT(rows[i].rules,
                 ask_table(bench, table_open(tables, name, 0), rows[i].key),
                 rows[i].value);
        tables_free(tables);
    }
}

static const struct {
    const char *type, *rules, *warning; /* with "T map FILE, line " left out */
} bad[] = {
    {"cidr", "1.2.3.4/24 x\n",
     "1: non-null host address bits in \"1.2.3.4/24\", perhaps you should use "
     "\"1.2.3.0/24\" "
     "instead: skipping this rule"},
    {"cidr", "1.2.3.4\n", "1: no lookup result: skipping this rule"},
    {"cidr", "foo bar\n", "1: bad address pattern: \"foo\": skipping this rule"},
    {"cidr", "1.2.3.4/33 m\n",
     "1: bad mask length in \"1.2.3.4/33\": skipping this rule"},
    {"cidr", "1.2.3.4/x m\n", "1: bad mask value in \"1.2.3.4/x\": skipping this rule"},
    {"cidr", "if 1.1.1.1\nendif x\n", "2: garbage after ENDIF: skipping this rule"},
    {"cidr", "endif\n", "1: ENDIF without IF: skipping this rule"},
    {"cidr", "\nif 9.9.9.9\n9.9.9.9 nine\n", "2: IF has no matching ENDIF"},
    {"regexp", "endif\n", "1: ignoring ENDIF without matching IF"},
    {"regexp", "/x/\n", "1: no replacement text: using empty string"},
    {"regexp", "/x/q y\n", "1: unknown regexp option \"q\": skipping this rule"},
    {"regexp", "/x(/ y\n", "1: Unmatched ( or \\("},
    {"regexp", "/x y\n", "1: no closing regexp delimiter \"/\": skipping this rule"},
    {"regexp", "foo bar\n", "1: ignoring unrecognized request"},
    {"regexp", "/x/ $1\n", "1: out of range replacement index \"1\": skipping this rule"},
    {"regexp", "/(x)/ ${1\n", "1: bad replacement syntax: skipping this rule"},
    {"regexp", "!/(x)/ $1\n",
     "1: $number found in negative match replacement text: skipping this rule"},
    {"regexp", "if /a/ x\nendif\n", "1: ignoring extra text after IF statement: \"x\""},
    {"pcre", "/x(/ y\n", "1: error in regex at offset 2: missing closing parenthesis"},
    {"pcre", "/x/q y\n", "1: unknown regexp option \"q\": skipping this rule"},
};

static void a_bad_rule_is_left_out_with_a_warning(void **state)
{
    struct bench *bench = *state;

    for (size_t i = 0; i < ROWS(bad); i++) {
        const char *name = bench_table(bench, bad[i].type, bad[i].rules);
        struct tables_options none = {.places = {PLUGINS, NULL}};
        struct tables *mine = bench->tables;
        char *want = arena_printf(bench->arena, "%s map table, line %s\n", bad[i].type,
                                  bad[i].warning);

        bench->tables = tables_new_with(&none);
        assert_null(table_failure(table_open(bench->tables, name, 0)));
        if (!strstr(bench_warnings(bench), want))
            fail_msg("row \"%s\": got \"%s\", want \"%s\"", bad[i].rules,
                     bench_warnings(bench), want);
        buf_reset(&bench->warnings);
        tables_free(bench->tables);
        bench->tables = mine;
    }
}

static void rules_may_stand_in_the_name(void **state)
{
    struct bench *bench = *state;

    assert_string_equal(ask(bench, "pcre:{{/foo/ bar}, {/x/ y z}}", "x"), "y z");
    assert_string_equal(ask(bench, "cidr:{{1.2.3.4 x}}", "1.2.3.4"), "x");
    assert_string_equal(ask(bench, "regexp:{{/a{2}/ two}}", "aa"), "two");
    assert_string_equal(ask(bench, "cidr:{1.2.3.4 x}", "1.2.3.4"), "(error)");
    assert_string_equal(ask(bench, "cidr:{{1.2.3.4 x}", "1.2.3.4"), "(error)");
}

static void substitution_can_be_refused(void **state)
{
    struct bench *bench = *state;
    const char *name = "regexp:{{/^(.*)$/ |$1}, {/x/ fine}}";
    struct table *table = table_open(bench->tables, name, TABLE_NO_SUBSTITUTION);

    assert_string_equal(ask_table(bench, table, "x"), "fine");
    assert_string_equal(ask(bench, name, "x"), "|x");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

/* A filter that cannot tell must not let through. */
static void a_match_without_end_is_an_error(void **state)
{
    struct bench *bench = *state;
    const char *name = bench_table(bench, "pcre", "/(a+)+$/ bar\n");

    assert_string_equal(ask(bench, name, "aaa"), "bar");
    assert_string_equal(ask(bench, name, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"),
                        "(error)");
}

/* Patterns that are run often become machine code on the way. */
static void answers_stay_the_same_however_often(void **state)
{
    struct bench *bench = *state;
    const char *name = bench_table(bench, "pcre", "/x(\\d+)y/ <$1>\n");

    for (int i = 0; i < 100; i++) {
        assert_string_equal(ask(bench, name, "aX12Y"), "<12>");
        assert_string_equal(ask(bench, name, "axy"), "(none)");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_rule_that_matches_wins),
        TEST(a_bad_rule_is_left_out_with_a_warning),
        TEST(rules_may_stand_in_the_name),
        TEST(substitution_can_be_refused),
        TEST(a_match_without_end_is_an_error),
        TEST(answers_stay_the_same_however_often),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
