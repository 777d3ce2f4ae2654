/* Templates of queries and results, and how results are joined. */
#include "tables.h"

#include "table/expansion.h"
#include "table/parameters.h"
#include "table/type.h"

static const struct {
    const char *template, *key, *value; /* value NULL = a query */
    const char *made;                   /* NULL = a part is missing */
} rows[] = {
    {"%s;%u;%d;%S;%U;%D", "joe@ex.com", NULL,
     "joe@ex.com;joe;ex.com;joe@ex.com;joe;ex.com"},
    {"%1.%2.%3", "joe@mail.ex.com", NULL, "com.ex.mail"},
    {"100%%", "joe", NULL, "100%"},
    {"%u", "a@b@ex.com", NULL, "a@b"},
    {"%d", "a@b@ex.com", NULL, "ex.com"},
    {"%u", "joe", NULL, "joe"},
    {"%u", "joe@", NULL, "joe"},
    {"%d", "@ex.com", NULL, "ex.com"},
    {"%s", "@ex.com", NULL, "@ex.com"},
    {"%d", "joe", NULL, NULL},
    {"%d", "joe@", NULL, NULL},
    {"%u", "@ex.com", NULL, NULL},
    {"%3", "joe@ex.com", NULL, NULL},
    {"%1", "ex.com", NULL, NULL},
    {"%2", "joe@.ex..com", NULL, NULL},
    {"<%s|%u|%d|%S|%U|%D|%1>", "joe@ex.com", "ann@other.org",
     "<ann@other.org|ann|other.org|joe@ex.com|joe|ex.com|com>"},
    {"smtp:[%s]", "joe", "host", "smtp:[host]"},
    {"%s %D", "joe", "host", NULL},
    {"%d", "joe@ex.com", "plain", NULL},
    {"%s", "joe", "100%s%u", "100%s%u"},
};

static void a_template_is_filled_in_or_not_used_at_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct str value = str_of(rows[i].value);
        struct expansion expansion = {.template = rows[i].template,
                                      .key = str_of(rows[i].key),
                                      .value = rows[i].value ? &value : NULL};
        struct buf out;
        struct fail why;

        buf_init(&out, 1000);
        ROW_INT(rows[i].template, expansion_check(rows[i].template, "query", &why), 0);
        ROW_INT(rows[i].template, expansion_make(&expansion, &out, &why),
                rows[i].made ? TABLE_FOUND : TABLE_NOT_FOUND);
        if (rows[i].made)
            ROW_EQ(rows[i].template, buf_str(&out), rows[i].made);
        buf_done(&out);
    }
}

static void a_percent_sign_before_anything_else_is_refused(void **state)
{
    static const char *const bad[] = {"%", "x%", "%z", "%0", "%%%", "% s"};
    struct fail why;

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++)
        ROW_INT(bad[i], expansion_check(bad[i], "query", &why), -1);
}

static void what_gets_too_long_is_an_error(void **state)
{
    char key[2000];
    struct expansion expansion = {.template = "%s", .key = {key, sizeof(key)}};
    struct buf out;
    struct fail why;

    (void)state;
    memset(key, 'k', sizeof(key));
    buf_init(&out, 1000);
    assert_int_equal(expansion_make(&expansion, &out, &why), TABLE_ERROR);
    expansion.template = "0123456789012345678901234567890123456789";
    buf_done(&out);
    buf_init(&out, 30);
    assert_int_equal(expansion_make(&expansion, &out, &why), TABLE_ERROR);
    buf_done(&out);
}

static void results_are_joined_up_to_the_limit(void **state)
{
    struct bench *bench = *state;
    struct database_rules rules = {.result_format = "%u", .expansion_limit = 2};
    struct results results;
    struct str value;
    struct fail why;

    results_init(&results, &rules, STR("key"));
    assert_int_equal(results_answer(&results, bench->arena, &value), TABLE_NOT_FOUND);
    assert_int_equal(results_add(&results, STR(""), &why), 0);
    assert_int_equal(results_add(&results, STR("a@x"), &why), 0);
    assert_int_equal(results_add(&results, STR("@x"), &why), 0);
    assert_int_equal(results_add(&results, STR("b,c"), &why), 0);
    assert_int_equal(results_answer(&results, bench->arena, &value), TABLE_FOUND);
    assert_true(str_is(value, "a,b,c"));
    assert_int_equal(results_add(&results, str_from("a\0b", 3), &why), -1);
    assert_int_equal(results_add(&results, STR("d"), &why), -1);
    assert_non_null(strstr(why.text, "Expansion limit exceeded"));
    results_done(&results);
}

static void parameters_are_read_from_a_file(void **state)
{
    struct bench *bench = *state;
    const char *path =
        bench_file(bench, "x.cf", "a = 1\n b\n# c\nn = -3\nyes = Yes\na=2\n");
    struct table table = {
        .tables = bench->tables, .arena = bench->arena, .name = "x:x", .path = path};
    struct fail why;
    struct table_parameters *parameters = table_parameters_open(&table, &why);
    const char *text;
    int n;
    bool yes;

    assert_non_null(parameters);
    assert_string_equal(table_text(parameters, "a", NULL), "2");
    assert_string_equal(table_text(parameters, "none", "other"), "other");
    assert_int_equal(table_number(parameters, "n", 7, &n, &why), 0);
    assert_int_equal(n, -3);
    assert_int_equal(table_number(parameters, "yes", 7, &n, &why), -1);
    assert_int_equal(table_yes(parameters, "yes", false, &yes, &why), 0);
    assert_true(yes);
    assert_int_equal(table_yes(parameters, "a", false, &yes, &why), -1);
    assert_int_equal(table_needed(parameters, "none", &text, &why), -1);
    bench_file(bench, "x.cf", "a = 1\nno sign\n");
    assert_null(table_parameters_open(&table, &why));
    assert_non_null(strstr(why.text, "line 2"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_template_is_filled_in_or_not_used_at_all),
        TEST(a_percent_sign_before_anything_else_is_refused),
        TEST(what_gets_too_long_is_an_error),
        TEST(results_are_joined_up_to_the_limit),
        TEST(parameters_are_read_from_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
