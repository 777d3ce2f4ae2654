/* Spellings of values: which are taken, what they mean, and what is said of others. */
#include "unit.h"

#include "conf/conf.h"
#include "conf/value.h"

static const struct {
    const char *text;
    char unit;
    int seconds; /* -1 = bad */
} times[] = {
    {"0", 's', 0},           {"300", 's', 300},
    {"300s", 'h', 300},      {"5m", 's', 300},
    {"2h", 's', 7200},       {"1d", 's', 86400},
    {"2w", 's', 1209600},    {"1", 'h', 3600},
    {"1", 'd', 86400},       {"1h30m", 's', 3600},
    {"5mh", 's', 300},       {"5m h", 'd', 300},
    {"0m5", 's', 0},         {"24855d", 's', 2147472000},
    {"24856d", 's', -1},     {"2147483647", 's', 2147483647},
    {"2147483648", 's', -1}, {"", 's', -1},
    {"s", 's', -1},          {"-1", 's', -1},
    {"1x", 's', -1},         {"1 h", 's', -1},
    {"1.5h", 's', -1},       {" 1", 's', -1},
    {"1xh", 's', -1},        {"99999999999999999999", 's', -1},
};

static void reads_times(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(times); i++) {
        int seconds = -7;
        bool good = conf_time(times[i].text, times[i].unit, &seconds);

        ROW_INT(times[i].text, good, times[i].seconds >= 0);
        ROW_INT(times[i].text, seconds, good ? times[i].seconds : -7);
    }
}

static const struct {
    const char *text;
    enum param_type type;
    long long min, max;
    long long value;
    const char *complaint; /* NULL = good */
} values[] = {
    {"yes", PARAM_BOOL, 0, 0, 1, NULL},
    {"no", PARAM_BOOL, 0, 0, 0, NULL},
    {"YES", PARAM_BOOL, 0, 0, 1, NULL},
    {"No", PARAM_BOOL, 0, 0, 0, NULL},
    {"true", PARAM_BOOL, 0, 0, 0, "bad boolean configuration: name = true"},
    {"", PARAM_BOOL, 0, 0, 0, "bad boolean configuration: name = "},
    {"12", PARAM_INT, 0, 0, 12, NULL},
    {"-1", PARAM_INT, -1, 0, -1, NULL},
    {"+1", PARAM_INT, 0, 0, 1, NULL},
    {"-1", PARAM_INT, 0, 0, 0, "invalid name parameter value -1 < 0"},
    {"9", PARAM_INT, 0, 8, 0, "invalid name parameter value 9 > 8"},
    {"8", PARAM_INT, 0, 8, 8, NULL},
    {"", PARAM_INT, 0, 0, 0, "bad numerical configuration: name = "},
    {"1k", PARAM_INT, 0, 0, 0, "bad numerical configuration: name = 1k"},
    {"0x10", PARAM_INT, 0, 0, 0, "bad numerical configuration: name = 0x10"},
    {"2147483647", PARAM_INT, 0, 0, 2147483647, NULL},
    {"2147483648", PARAM_INT, 0, 0, 0, "bad numerical configuration: name = 2147483648"},
    {"2147483648", PARAM_SIZE, 0, 0, 2147483648LL, NULL},
    {"99999999999999999999", PARAM_SIZE, 0, 0, 0,
     "bad numerical configuration: name = 99999999999999999999"},
    {"450", PARAM_CODE, 0, 0, 450, NULL},
    {"5m", PARAM_TIME, 0, 0, 300, NULL},
    {"0", PARAM_TIME, 1, 0, 0, "invalid name parameter value 0 < 1"},
    {"5x", PARAM_TIME, 0, 0, 0, "parameter name: bad time value or unit: 5x"},
};

static void checks_kinds_and_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(values); i++) {
        const struct param param = {.name = "name",
                                    .type = values[i].type,
                                    .unit = 's',
                                    .min = values[i].min,
                                    .max = values[i].max};
        struct fail why = {.text = "fine"};
        union value value = {0};
        int result = value_parse(&param, "name", values[i].text, &value, &why);

        ROW_TEXT(values[i].text, why.text,
                 values[i].complaint ? values[i].complaint : "fine");
        ROW_INT(values[i].text, result, values[i].complaint ? -1 : 0);
        if (result == 0)
            ROW_INT(values[i].text,
                    values[i].type == PARAM_BOOL ? value.yes : value.number,
                    values[i].value);
    }
}

static void checks_that_texts_are_not_too_short(void **state)
{
    const struct param param = {.name = "name", .type = PARAM_TEXT, .min = 1};
    union value value;
    struct fail why;

    (void)state;
    assert_int_equal(value_parse(&param, "name", "x", &value, &why), 0);
    assert_string_equal(value.text, "x");
    assert_int_equal(value_parse(&param, "name", "", &value, &why), -1);
    assert_string_equal(why.text, "bad string length 0 < 1: name = ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_times),
        cmocka_unit_test(checks_kinds_and_bounds),
        cmocka_unit_test(checks_that_texts_are_not_too_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
