/* Match lists in their four kinds. */
#include "table/tables.h"

#include "table/match.h"

/* clang-format off */
static const struct {
    const char *list, *text;
    int want;
} strings[] = {
    {"", "a", 0},
    {"a.example b.example", "b.example", 1},
    {"a.example, b.example", "B.Example", 1},
    {"a.example", "sub.a.example", 0},
    {".example", "a.example", 0},
    {"!a.example, b.example, a.example", "a.example", 0},
    {"!a.example, b.example, a.example", "b.example", 1},
    {"inline:{a.example=x}", "A.example", 1},
    {"inline:{a.example=x}", "c.example", 0},
    {"!inline:{a.example=x}, a.example", "a.example", 0},
    {"fail:x, a.example", "a.example", -1},
    {"a.example, fail:x", "a.example", 1},
    {"a.example, hash:/nonexistent", "b.example", -1},
    {"/nonexistent/file a.example", "a.example", -1},
    {"a.example /nonexistent/file", "a.example", 1},
    {"!", "a", -1},
}, domains[] = {
    {"example.com", "example.com", 1},
    {"example.com", "sub.example.com", 0},
    {".example.com", "sub.example.com", 1},
    {".example.com", "example.com", 0},
    {".example.com", "a.b.example.com", 1},
    {"ample.com", "example.com", 0},
    {"inline:{.example.com=x}", "a.b.example.com", 1},
    {"inline:{example.com=x}", "a.example.com", 0},
    {"inline:{example.com=x}", "example.com", 1},
    {"!a.example.com .example.com", "a.example.com", 0},
    {"fail:x", "example.com", -1},
}, parents[] = {
    {"example.com", "example.com", 1},
    {"example.com", "a.b.example.com", 1},
    {"ample.com", "example.com", 0},
    {".example.com", "a.example.com", 0},
    {"inline:{example.com=x}", "a.b.example.com", 1},
    {"inline:{com=x}", "example.com", 1},
}, addresses[] = {
    {"joe@example.com", "Joe@Example.com", 1},
    {"example.com", "joe@example.com", 1},
    {"@example.com", "joe@example.com", 1},
    {"joe@", "joe@example.com", 1},
    {"joe", "joe@example.com", 0},
    {"!joe@example.com example.com", "joe@example.com", 0},
    {"inline:{joe@example.com=x}", "joe@example.com", 1},
    {"inline:{joe@=x}", "joe@example.com", 1},
    {"inline:{example.com=x}", "joe@example.com", 1},
    {"inline:{.example.com=x}", "joe@a.example.com", 1},
    {"fail:x", "joe@example.com", -1},
};

static const struct {
    const char *list, *name, *address;
    int want;
} hosts[] = {
    {"127.0.0.0/8 [::1]/128", "localhost", "127.0.0.1", 1},
    {"127.0.0.0/8 [::1]/128", "localhost", "::1", 1},
    {"127.0.0.0/8 [::1]/128", "unknown", "128.0.0.1", 0},
    {"127.0.0.1", "unknown", "127.0.0.1", 1},
    {"[::1]", "unknown", "::1", 1},
    {"!10.1.0.0/16 10.0.0.0/8", "unknown", "10.1.2.3", 0},
    {"!10.1.0.0/16 10.0.0.0/8", "unknown", "10.2.2.3", 1},
    {"host.example", "host.example", "1.2.3.4", 1},
    {".example", "host.example", "1.2.3.4", 1},
    {"10.0.0.1/8", "unknown", "10.0.0.1", -1},
    {"10.0.0.0/8 10.0.0.1/8", "unknown", "10.0.0.1", 1},
    {"fd00::/8", "unknown", "fd00::1", -1}, /* needs brackets: taken as a table, which does not exist */
    {"cidr:{{10.0.0.0/8 ok}}", "unknown", "10.0.0.1", 1},
    {"cidr:{{10.0.0.0/8 ok}}", "unknown", "11.0.0.1", 0},
    {"inline:{10.0.0.1=x}", "unknown", "10.0.0.1", 1},
    {"fail:x", "unknown", "10.0.0.1", -1},
};
/* clang-format on */

static void strings_match_whole(void **state)
{
    struct bench *bench = *state;
    struct fail why;

    for (size_t i = 0; i < ROWS(strings); i++)
        ROW_INT(strings[i].list,
                match_string(match_list_open(bench->tables, "p", strings[i].list, 0),
                             str_of(strings[i].text), &why),
                strings[i].want);
}

static void domains_match_by_dot_or_by_parent(void **state)
{
    struct bench *bench = *state;
    struct fail why;

    for (size_t i = 0; i < ROWS(domains); i++)
        ROW_INT(domains[i].list,
                match_domain(match_list_open(bench->tables, "p", domains[i].list, 0),
                             str_of(domains[i].text), &why),
                domains[i].want);
    for (size_t i = 0; i < ROWS(parents); i++)
        ROW_INT(parents[i].list,
                match_domain(
                    match_list_open(bench->tables, "p", parents[i].list, MATCH_PARENTS),
                    str_of(parents[i].text), &why),
                parents[i].want);
}

static void addresses_match_by_user_and_domain(void **state)
{
    struct bench *bench = *state;
    struct fail why;

    for (size_t i = 0; i < ROWS(addresses); i++)
        ROW_INT(addresses[i].list,
                match_address(match_list_open(bench->tables, "p", addresses[i].list, 0),
                              str_of(addresses[i].text), &why),
                addresses[i].want);
}

static void hosts_match_by_name_and_network(void **state)
{
    struct bench *bench = *state;
    struct fail why;

    for (size_t i = 0; i < ROWS(hosts); i++)
        ROW_INT(hosts[i].list,
                match_host(match_list_open(bench->tables, "mynetworks", hosts[i].list, 0),
                           str_of(hosts[i].name), str_of(hosts[i].address), &why),
                hosts[i].want);
}

static void the_failure_names_the_parameter(void **state)
{
    struct bench *bench = *state;
    struct match_list *list =
        match_list_open(bench->tables, "mynetworks", "10.0.0.1/8", 0);
    struct fail why;

    assert_int_equal(match_host(list, STR("x"), STR("10.0.0.1"), &why), -1);
    assert_string_equal(
        why.text, "mynetworks: non-null host address bits in \"10.0.0.1/8\", perhaps "
                  "you should use \"10.0.0.0/8\" instead");
}

static void files_stand_for_their_items(void **state)
{
    struct bench *bench = *state;
    const char *path = bench_file(
        bench, "items", "# comment\na.example, b.example\n\n!c.example\n.d.example\n");
    struct match_list *list = match_list_open(bench->tables, "p", path, 0);
    const char *not = arena_printf(bench->arena, "!%s, a.example", path);
    struct fail why;

    assert_int_equal(match_domain(list, STR("b.example"), &why), 1);
    assert_int_equal(match_domain(list, STR("x.d.example"), &why), 1);
    assert_int_equal(match_domain(list, STR("c.example"), &why), 0);
    assert_int_equal(
        match_domain(match_list_open(bench->tables, "p", not, 0), STR("a.example"), &why),
        0);
}

static void a_file_that_names_itself_is_an_error(void **state)
{
    struct bench *bench = *state;
    const char *path = bench_path(bench, "items");
    struct fail why;

    bench_file(bench, "items", path);
    assert_int_equal(
        match_string(match_list_open(bench->tables, "p", path, 0), STR("x"), &why), -1);
}

static void the_parent_setting_names_parameters(void **state)
{
    (void)state;
    assert_int_equal(match_parent_flag("mynetworks, relay_domains", "relay_domains"),
                     MATCH_PARENTS);
    assert_int_equal(match_parent_flag("mynetworks, relay_domains", "relay"), 0);
    assert_int_equal(match_parent_flag("", "relay_domains"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(strings_match_whole),
        TEST(domains_match_by_dot_or_by_parent),
        TEST(addresses_match_by_user_and_domain),
        TEST(hosts_match_by_name_and_network),
        TEST(the_failure_names_the_parameter),
        TEST(files_stand_for_their_items),
        TEST(a_file_that_names_itself_is_an_error),
        cmocka_unit_test(the_parent_setting_names_parameters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
