#include "unit.h"

#include "ipc/answers.h"

static const struct resolved answer = {
    .flags = 4, .transport = "smtp", .nexthop = "h", .recipient = "a@b"};

static void an_answer_lives_a_second(void **state)
{
    struct answers *answers = answers_new();
    const struct resolved *known;

    (void)state;
    assert_null(answers_find(answers, STR("q"), 5000));
    answers_keep(answers, STR("q"), &answer, 5000);
    known = answers_find(answers, STR("q"), 5999);
    assert_non_null(known);
    assert_int_equal(known->flags, 4);
    assert_string_equal(known->transport, "smtp");
    assert_string_equal(known->nexthop, "h");
    assert_string_equal(known->recipient, "a@b");
    assert_ptr_not_equal(known->nexthop, answer.nexthop);
    assert_null(answers_find(answers, STR("Q"), 5999));
    assert_null(answers_find(answers, STR("q"), 6000));
    answers_free(answers);
    answers_free(NULL);
}

static void a_later_answer_does_not_prolong_an_older_one(void **state)
{
    struct answers *answers = answers_new();

    (void)state;
    answers_keep(answers, STR("old"), &answer, 1000);
    answers_keep(answers, STR("new"), &answer, 1900);
    assert_null(answers_find(answers, STR("old"), 2000));
    answers_free(answers);
}

static void a_failure_is_not_kept(void **state)
{
    struct answers *answers = answers_new();
    struct resolved failure = answer;

    (void)state;
    failure.flags |= RESOLVE_FAIL;
    answers_keep(answers, STR("q"), &failure, 1000);
    assert_null(answers_find(answers, STR("q"), 1001));
    answers_free(answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_lives_a_second),
        cmocka_unit_test(a_later_answer_does_not_prolong_an_older_one),
        cmocka_unit_test(a_failure_is_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
