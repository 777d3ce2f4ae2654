/* Expressions that regcomp would make too large. */
#include "unit.h"

#include "table/repetition.h"

#include <regex.h>

/* clang-format off */
static const struct {
    const char *text;
    bool extended, too_much;
} rows[] = {
    {"", true, false},
    {"^[^@]+@example\\.com$", true, false},
    {"^([a-z0-9]{1,64}\\.)+[a-z]{2,20}$", true, false},
    {"(((a+)+)+)+", true, false},
    {"a+++++++++++++++++++++++++++++++++++", true, true},
    {"a+++*++++++++++++", true, true},
    {"(a*b?){100}", true, false},
    {"a\\+++", true, false},
    {"a+++++++++++++++++++++++++++++++++++", false, false},
    {"a\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+", false, true},
    {"a{1000}{1000}", true, true},
    {"(a{1000}b){1000}", true, true},
    {"a{1,1000}b{,1000}", true, false},
    {"a\\{1000\\}\\{1000\\}", false, true},
    {"a{99999999999999999999}", true, true},
    {"[+++++++++++++++++++++++++++++++++++]+", true, false},
    {"[]++++++++++++++++++++++++++++++++++]", true, false},
    {"[", true, false}, {"[^", true, false}, {"a\\", true, false}, {")))+", true, false}, {"{", true, false},
};
/* clang-format on */

static void tells_what_would_be_too_large(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        ROW_INT(rows[i].text, repetition_is_too_much(rows[i].text, rows[i].extended),
                rows[i].too_much);
}

static void lets_regcomp_have_what_it_can_bear(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        regex_t regex;

        if (!rows[i].too_much &&
            regcomp(&regex, rows[i].text, rows[i].extended ? REG_EXTENDED : 0) == 0)
            regfree(&regex);
    }
}

static void groups_nest_to_a_limit(void **state)
{
    char text[1001];

    (void)state;
    memset(text, '(', 1000);
    text[1000] = '\0';
    assert_true(repetition_is_too_much(text, true));
    assert_false(repetition_is_too_much(text + 900, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_would_be_too_large),
        cmocka_unit_test(lets_regcomp_have_what_it_can_bear),
        cmocka_unit_test(groups_nest_to_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
