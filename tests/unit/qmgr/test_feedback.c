/* How the number of parallel deliveries follows success and trouble. */
#include "unit.h"

#include "qmgr/feedback.h"

static const struct {
    const char *text;
    double at_4; /* its size at concurrency 4 */
    const char *why;
} feedbacks[] = {
    {"1", 1, NULL},
    {"0", 0, NULL},
    {"0.25", 0.25, NULL},
    {"1/4", 0.25, NULL},
    {" 1 / 4 ", 0.25, NULL},
    {"1/concurrency", 0.25, NULL},
    {"0.5/sqrt_concurrency", 0.25, NULL},
    {"", 0, "bad number in feedback \"\""},
    {"one", 0, "bad number in feedback \"one\""},
    {"1/0", 0, "bad divisor in feedback \"1/0\""},
    {"1/size", 0, "bad divisor in feedback \"1/size\""},
    {"-1", 0, "bad number in feedback \"-1\""},
    {"2", 0, "feedback \"2\" is more than 1"},
};

static void feedback_is_a_number_or_a_fraction(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(feedbacks); i++) {
        struct feedback got = {0};
        struct fail why = {0};
        int result = feedback_parse(feedbacks[i].text, &got, &why);

        ROW_INT(feedbacks[i].text, result, feedbacks[i].why ? -1 : 0);
        ROW_TEXT(feedbacks[i].text, why.text, feedbacks[i].why ? feedbacks[i].why : "");
        if (result == 0 && (feedback_size(&got, 4) > feedbacks[i].at_4 + 1e-9 ||
                            feedback_size(&got, 4) < feedbacks[i].at_4 - 1e-9))
            fail_msg("%s: %f", feedbacks[i].text, feedback_size(&got, 4));
    }
}

static struct window_rules rules_of(const char *positive, const char *negative)
{
    struct window_rules rules = {.initial = 5, .limit = 20, .cohort_limit = 1};
    struct fail why;

    assert_int_equal(feedback_parse(positive, &rules.positive, &why), 0);
    assert_int_equal(feedback_parse(negative, &rules.negative, &why), 0);
    return rules;
}

static void success_opens_the_window_up_to_the_limit(void **state)
{
    struct window_rules rules = rules_of("1", "1");
    struct window window = window_new(&rules, 0);

    (void)state;
    assert_int_equal(window.size, 5);
    window_success(&window, &rules, 5);
    assert_int_equal(window.size, 6);
    for (int i = 0; i < 100; i++)
        window_success(&window, &rules, window.size);
    assert_int_equal(window.size, 20);
}

static void a_window_that_is_not_filled_does_not_grow(void **state)
{
    struct window_rules rules = rules_of("1", "1");
    struct window window = window_new(&rules, 0);

    (void)state;
    for (int i = 0; i < 100; i++)
        window_success(&window, &rules, 1);
    assert_int_equal(window.size, 6); /* busy + initial */
}

static void small_feedback_counts_up_to_a_step(void **state)
{
    struct window_rules rules = rules_of("1/concurrency", "1");
    struct window window = window_new(&rules, 0);
    int successes = 0;

    (void)state;
    while (window.size == 5) {
        window_success(&window, &rules, 5);
        successes++;
    }
    assert_int_equal(successes, 5); /* one window full */
    assert_int_equal(window.size, 6);
}

static void trouble_shrinks_the_window_and_then_gives_up(void **state)
{
    struct window_rules rules = rules_of("1", "1/concurrency");
    struct window window = window_new(&rules, 0);
    int failures = 1;

    (void)state;
    while (!window_failure(&window, &rules)) {
        assert_true(window.size >= 1);
        failures++;
    }
    assert_true(failures >= 2 && failures <= 5);
    rules.cohort_limit = 0; /* never give up */
    window = window_new(&rules, 0);
    for (int i = 0; i < 100; i++)
        assert_false(window_failure(&window, &rules));
    assert_int_equal(window.size, 1);
}

static void one_failure_of_one_delivery_is_a_cohort(void **state)
{
    struct window_rules rules = rules_of("1", "1");
    struct window window;

    (void)state;
    rules.initial = 1;
    window = window_new(&rules, 0);
    assert_true(window_failure(&window, &rules));
}

static void success_forgets_failed_cohorts(void **state)
{
    struct window_rules rules = rules_of("1", "1/concurrency");
    struct window window = window_new(&rules, 0);

    (void)state;
    for (int i = 0; i < 50; i++) {
        assert_false(window_failure(&window, &rules));
        window_success(&window, &rules, window.size);
        window_success(&window, &rules, window.size);
    }
}

static void a_revived_destination_starts_with_what_runs(void **state)
{
    struct window_rules rules = rules_of("1", "1");

    (void)state;
    assert_int_equal(window_new(&rules, 3).size, 3);
    assert_int_equal(window_new(&rules, 0).size, 5);
    rules.limit = 2;
    assert_int_equal(window_new(&rules, 0).size, 2);
    rules.initial = 0;
    assert_int_equal(window_new(&rules, 0).size, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feedback_is_a_number_or_a_fraction),
        cmocka_unit_test(success_opens_the_window_up_to_the_limit),
        cmocka_unit_test(a_window_that_is_not_filled_does_not_grow),
        cmocka_unit_test(small_feedback_counts_up_to_a_step),
        cmocka_unit_test(trouble_shrinks_the_window_and_then_gives_up),
        cmocka_unit_test(one_failure_of_one_delivery_is_a_cohort),
        cmocka_unit_test(success_forgets_failed_cohorts),
        cmocka_unit_test(a_revived_destination_starts_with_what_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
