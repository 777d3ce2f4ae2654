#include "unit.h"

#include "mail/outcome.h"

static void the_class_decides_the_result(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    assert_int_equal(outcome_make(arena, "2.0.0", "x").result, OUTCOME_DELIVERED);
    assert_int_equal(outcome_make(arena, "4.4.1", "x").result, OUTCOME_DEFERRED);
    assert_int_equal(outcome_make(arena, "5.1.1", "x").result, OUTCOME_BOUNCED);
    struct outcome o = outcome_make(arena, "5.1.1", "unknown user: \"%s\"", "joe");
    assert_string_equal(o.text, "unknown user: \"joe\"");
    assert_null(o.remote_mta);
    arena_free(arena);
}

static void text_may_bring_its_own_status(void **state)
{
    struct arena *arena = arena_new("test");
    struct outcome o = outcome_from_text(arena, STR("4.7.1 come back"), "5.3.0");

    (void)state;
    assert_int_equal(o.result, OUTCOME_DEFERRED);
    assert_string_equal(o.status, "4.7.1");
    assert_string_equal(o.text, "come back");
    o = outcome_from_text(arena, STR("go away"), "5.3.0");
    assert_string_equal(o.status, "5.3.0");
    outcome_soften(&o);
    assert_int_equal(o.result, OUTCOME_DEFERRED);
    assert_string_equal(o.status, "4.3.0");
    arena_free(arena);
}

static void softening_leaves_success_alone(void **state)
{
    struct arena *arena = arena_new("test");
    struct outcome o = outcome_make(arena, "2.1.5", "sent");

    (void)state;
    outcome_soften(&o);
    assert_string_equal(o.status, "2.1.5");
    assert_int_equal(o.result, OUTCOME_DELIVERED);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_class_decides_the_result),
        cmocka_unit_test(text_may_bring_its_own_status),
        cmocka_unit_test(softening_leaves_success_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
