#include "unit.h"

#include "mail/status.h"

static const struct {
    const char *text, *status, *rest;
} splits[] = {
    {"5.1.1 user unknown", "5.1.1", "user unknown"},
    {"4.7.123  come back ", "4.7.123", "come back"},
    {"2.0.0", "2.0.0", ""},
    {"5.7.2", "5.7.2", ""}, /* CVE-2026-43964 */
    {"5.7.2 ", "5.7.2", ""},
    {"5.1.1x", "5.5.0", "5.1.1x"},
    {"5.1.1-x", "5.5.0", "5.1.1-x"},
    {"5.1.1234 x", "5.5.0", "5.1.1234 x"},
    {"5.1234.1 x", "5.5.0", "5.1234.1 x"},
    {"3.1.1 x", "5.5.0", "3.1.1 x"},
    {"5..1 x", "5.5.0", "5..1 x"},
    {"5.1. x", "5.5.0", "5.1. x"},
    {"5.1", "5.5.0", "5.1"},
    {"5", "5.5.0", "5"},
    {"", "5.5.0", ""},
    {" 5.1.1 x", "5.5.0", "5.1.1 x"},
    {"come back", "5.5.0", "come back"},
};

static void a_leading_code_is_taken_off(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(splits); i++) {
        struct status_split got = status_split(str_of(splits[i].text), "5.5.0");
        ROW_TEXT(splits[i].text, got.status, splits[i].status);
        ROW_EQ(splits[i].text, got.text, splits[i].rest);
    }
}

static void text_ends_where_it_ends(void **state)
{
    (void)state;
    assert_int_equal(status_length(str_head(STR("5.1.1 x"), 5)), 5);
    assert_int_equal(status_length(str_head(STR("5.1.12"), 5)), 5);
    assert_int_equal(status_length(str_head(STR("5.1.1"), 4)), 0);
    assert_int_equal(status_length(STR("\0.1.1")), 0);
    assert_true(status_is_valid(STR("4.4.1")));
    assert_false(status_is_valid(STR("4.4.1 ")));
    assert_false(status_is_valid(STR("")));
}

static const struct {
    int code;
    const char *text, *status, *rest;
} replies[] = {
    {550, "5.1.1 no such user", "5.1.1", "no such user"},
    {450, "5.1.1 odd", "4.0.0", "odd"},
    {550, "no such user", "5.0.0", "no such user"},
    {250, "2.1.5 ok", "2.1.5", "ok"},
    {354, "go", "5.5.0", "go"},
    {999, "x", "5.5.0", "x"},
};

static void replies_give_a_status_of_their_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(replies); i++) {
        struct status_split got =
            status_of_reply(replies[i].code, str_of(replies[i].text));
        ROW_TEXT(replies[i].text, got.status, replies[i].status);
        ROW_EQ(replies[i].text, got.text, replies[i].rest);
    }
}

static void exit_codes_have_a_status(void **state)
{
    (void)state;
    assert_null(status_of_exit(0));
    assert_null(status_of_exit(63));
    assert_null(status_of_exit(79));
    assert_string_equal(status_of_exit(67)->status, "5.1.1");
    assert_string_equal(status_of_exit(75)->text, "temporary failure");
    assert_string_equal(status_of_exit(78)->status, "5.3.5");
    for (int i = 64; i <= 78; i++)
        assert_int_equal(status_of_exit(i)->code, i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leading_code_is_taken_off),
        cmocka_unit_test(text_ends_where_it_ends),
        cmocka_unit_test(replies_give_a_status_of_their_class),
        cmocka_unit_test(exit_codes_have_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
