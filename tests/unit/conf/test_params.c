/* The catalogue as C sees it: in order, found by name, and all its defaults valid. */
#include "folder.h"

#include "conf/params.h"
#include "conf/value.h"

static void is_in_the_order_of_names(void **state)
{
    (void)state;
    assert_true(params_count() > 900);
    for (size_t i = 1; i < params_count(); i++)
        assert_true(strcmp(param_at(i - 1).name, param_at(i).name) < 0);
}

static void finds_each_by_name(void **state)
{
    struct param param;

    (void)state;
    for (size_t i = 0; i < params_count(); i++) {
        assert_true(param_find(str_of(param_at(i).name), &param));
        assert_string_equal(param.name, param_at(i).name);
    }
    assert_false(param_find(STR("nosuch"), &param));
    assert_false(param_find(STR(""), &param));
    assert_false(param_find(STR("zzz"), &param));
}

static void finds_families_of_services(void **state)
{
    struct param param;
    struct str service;

    (void)state;
    assert_true(param_family(STR("a_b_destination_rate_delay"), &param, &service));
    assert_string_equal(param.name, "<service>_destination_rate_delay");
    ROW_EQ("service", service, "a_b");
    assert_true(param_family_of("time_limit", &param));
    assert_string_equal(param.text, "$command_time_limit");
    assert_false(param_family(STR("_destination_rate_delay"), &param, &service));
    assert_false(param_family(STR("relay_nosuch"), &param, &service));
    assert_false(param_family_of("nosuch", &param));
}

static void knows_who_uses_what(void **state)
{
    (void)state;
    for (size_t i = 0; i < params_count(); i++)
        if (strcmp(param_at(i).name, "smtpd_banner") == 0) {
            assert_true(param_is_used(i, params_program("smtpd")));
            assert_false(param_is_used(i, params_program("qmgr")));
        } else if (strcmp(param_at(i).name, "myhostname") == 0)
            assert_true(param_is_used(i, params_program("qmgr")));
    assert_int_equal(params_program("nosuch"), 0);
}

/* Numbers, times and the like: each default is one that main.cf could say. */
static void has_valid_defaults(void **state)
{
    struct folder *folder = *state;
    struct conf *conf = folder_load(folder, "");

    assert_non_null(conf);
    for (size_t i = 0; i < params_count(); i++) {
        struct param param = param_at(i);
        union value value;
        const char *text;

        if (param.flags & (PARAM_REMOVED | PARAM_RAW | PARAM_COMPUTED | PARAM_FAMILY))
            continue;
        text = conf_text(conf, param.name, &folder->why);
        if (text == NULL ||
            value_parse(&param, param.name, text, &value, &folder->why) < 0)
            fail_msg("%s: %s", param.name, folder->why.text);
    }
}

/* What load.c stores without a look is what it would find out. */
static void has_the_numbers_of_its_defaults(void **state)
{
    size_t seen = 0;

    (void)state;
    for (size_t i = 0; i < params_count(); i++) {
        struct param param = param_at(i);
        union value value;
        struct fail why;

        if ((param.flags & (PARAM_REMOVED | PARAM_FAMILY | PARAM_COMPUTED)) ||
            param.type >= PARAM_TEXT)
            continue;
        if (param.flags & PARAM_MACROS) {
            assert_non_null(strchr(param.text, '$'));
            continue;
        }
        assert_int_equal(value_parse(&param, param.name, param.text, &value, &why), 0);
        ROW_INT(param.name, param.number,
                param.type == PARAM_BOOL ? value.yes : value.number);
        seen++;
    }
    assert_true(seen > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_in_the_order_of_names),
        cmocka_unit_test(finds_each_by_name),
        cmocka_unit_test(finds_families_of_services),
        cmocka_unit_test(knows_who_uses_what),
        folder_test(has_valid_defaults),
        cmocka_unit_test(has_the_numbers_of_its_defaults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
