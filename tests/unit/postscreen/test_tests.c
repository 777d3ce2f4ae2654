/* postscreen/tests.c: what the cache keeps, and which tests are due. */
#include "unit.h"

#include "postscreen/tests.h"

enum { NOW = 1000000 };

static const struct {
    const char *value;
    bool good;
    const char *back; /* NULL = the same */
} values[] = {
    {"1796010526;1;1;1;1", true, NULL},
    {"0;0;0;0;0", true, NULL},
    {"1796010526;1795924232;1798516229;1798516229;1798516229", true, NULL},
    {"5;6", true, "5;6;0;0;0"},
    {"5", true, "5;0;0;0;0"},
    {"", false, NULL},
    {"x;1;1;1;1", false, NULL},
    {"1;-1;1;1;1", false, NULL},
    {"99999999999999999999;1;1;1;1", false, NULL},
    {"_LAST_CACHE_CLEANUP_COMPLETED_", false, NULL},
};

static void a_value_of_the_cache_is_read_or_is_none(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(values); i++) {
        struct record record;

        ROW_INT(values[i].value, record_parse(values[i].value, &record), values[i].good);
        if (values[i].good)
            ROW_TEXT(values[i].value, record_format(&record, arena),
                     values[i].back ? values[i].back : values[i].value);
    }
    arena_free(arena);
}

static const struct {
    const char *name;
    unsigned enabled;
    struct record record;
    unsigned due;
    bool old;
} records[] = {
    {"nobody", TESTS_EARLY | TESTS_DEEP, {{0}}, TESTS_EARLY | TESTS_DEEP, true},
    {"nothing is asked", 0, {{0}}, 0, true},
    {"passed", 1 << TEST_GREET, {{NOW + 1, 1, 1, 1, 1}}, 0, false},
    {"just over", 1 << TEST_GREET, {{NOW, 1, 1, 1, 1}}, 1 << TEST_GREET, false},
    {"a new test", TESTS_EARLY, {{NOW + 9, 1, 1, 1, 1}}, 1 << TEST_DNSBL, false},
    {"one holds",
     TESTS_EARLY | TESTS_DEEP,
     {{1, 1, 1, 1, NOW + 1}},
     (TESTS_EARLY | TESTS_DEEP) & ~(1U << TEST_BARE_NEWLINE),
     false},
    {"kept a while", 1 << TEST_GREET, {{NOW - 99}}, 1 << TEST_GREET, false},
    {"kept no more", 1 << TEST_GREET, {{NOW - 100}}, 1 << TEST_GREET, true},
};

static void what_holds_no_more_is_due_and_in_the_end_forgotten(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(records); i++) {
        struct test_rules rules = {.enabled = records[i].enabled, .retention = 100};

        ROW_INT(records[i].name, record_due(&records[i].record, &rules, NOW),
                records[i].due);
        ROW_INT(records[i].name, record_is_old(&records[i].record, &rules, NOW),
                records[i].old);
    }
}

static void an_action_is_one_of_three_words(void **state)
{
    enum action action = ACTION_IGNORE;
    struct fail why;

    (void)state;
    assert_int_equal(action_read("x_action", "Drop", &action, &why), 0);
    assert_int_equal(action, ACTION_DROP);
    assert_int_equal(action_read("x_action", "enforce", &action, &why), 0);
    assert_int_equal(action, ACTION_ENFORCE);
    assert_int_equal(action_read("x_action", "reject", &action, &why), -1);
    assert_string_equal(why.text,
                        "bad x_action value: \"reject\": ignore, enforce or drop");
    assert_int_equal(action, ACTION_ENFORCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_of_the_cache_is_read_or_is_none),
        cmocka_unit_test(what_holds_no_more_is_due_and_in_the_end_forgotten),
        cmocka_unit_test(an_action_is_one_of_three_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
