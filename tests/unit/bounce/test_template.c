/* bounce/template.c: parameters in the words that users see. */
#include "unit.h"

#include "bounce/bounce.h"

static const struct {
    const char *body, *expanded;
} rows[] = {
    {"", ""},
    {"host $myhostname.\n", "host mx.my.test.\n"},
    {"$delay_warning_time_hours hours, $delay_warning_time_minutes min",
     "4 hours, 240 min"},
    {"$maximal_queue_lifetime_days", "5"},
    {"$maximal_queue_lifetime_weeks", "1"},
    {"$no_such_name$", ""},
};

static void names_are_replaced_and_times_take_units(void **state)
{
    static const char *const overrides[] = {"myhostname=mx.my.test",
                                            "delay_warning_time=4h",
                                            "maximal_queue_lifetime=5d", NULL};
    struct conf_options options = {
        .program = "bounce", .overrides = overrides, .defaults_only = true};
    struct fail why;
    struct conf *conf = conf_load(&options, &why);
    struct arena *arena = arena_new("test");

    (void)state;
    assert_non_null(conf);
    for (size_t i = 0; i < ROWS(rows); i++)
        ROW_TEXT(rows[i].body, template_expand(rows[i].body, conf, arena),
                 rows[i].expanded);
    arena_free(arena);
    conf_free(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_replaced_and_times_take_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
