/*
 * Typed values: which spellings of booleans, numbers and times main.cf knows,
 * and that they lie within the bounds of the catalogue.
 */
#include "conf/value.h"

#include "conf/conf.h"

#include <limits.h>
#include <strings.h>

/* Digits with an optional sign, and nothing else. */
static bool parse_number(const char *text, long long *ret)
{
    bool negative = *text == '-';
    unsigned long long n;

    if (*text == '-' || *text == '+')
        text++;
    if (!str_number(str_of(text), LLONG_MAX, &n))
        return false;
    *ret = negative ? -(long long)n : (long long)n;
    return true;
}

static long long seconds_in(char unit)
{
    switch (unit) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    case 'w':
        return 7 * 86400;
    default:
        return 0;
    }
}

/* compat: what follows the first unit is not read. Old settings that grew a second unit
 * by a default, such as "5mh", mean the first. */
bool conf_time(const char *text, char unit, int *ret_seconds)
{
    struct str all = str_of(text);
    size_t digits = str_span(all, "0123456789");
    long long factor = seconds_in(digits < all.n ? all.p[digits] : unit);
    unsigned long long n;

    if (factor == 0 || !str_number(str_head(all, digits), INT_MAX, &n) ||
        (long long)n * factor > INT_MAX)
        return false;
    *ret_seconds = (int)((long long)n * factor);
    return true;
}

static int check_bounds(const struct param *param, const char *name, long long number,
                        struct fail *why)
{
    if (number < param->min)
        return fail_set(why, "invalid %s parameter value %lld < %lld", name, number,
                        param->min);
    if (param->max > 0 && number > param->max)
        return fail_set(why, "invalid %s parameter value %lld > %lld", name, number,
                        param->max);
    return 0;
}

static int parse_bool(const char *name, const char *text, union value *ret,
                      struct fail *why)
{
    bool yes = strcasecmp(text, "yes") == 0;

    if (!yes && strcasecmp(text, "no") != 0)
        return fail_set(why, "bad boolean configuration: %s = %s", name, text);
    ret->yes = yes;
    return 0;
}

static int parse_time(const struct param *param, const char *name, const char *text,
                      union value *ret, struct fail *why)
{
    int seconds;

    if (!conf_time(text, param->unit, &seconds))
        return fail_set(why, "parameter %s: bad time value or unit: %s", name, text);
    if (check_bounds(param, name, seconds, why) < 0)
        return -1;
    ret->number = seconds;
    return 0;
}

static int parse_int(const struct param *param, const char *name, const char *text,
                     union value *ret, struct fail *why)
{
    long long limit = param->type == PARAM_SIZE ? LLONG_MAX : INT_MAX;
    long long number;

    if (!parse_number(text, &number) || number > limit || number < -limit)
        return fail_set(why, "bad numerical configuration: %s = %s", name, text);
    if (check_bounds(param, name, number, why) < 0)
        return -1;
    ret->number = number;
    return 0;
}

int value_parse(const struct param *param, const char *name, const char *text,
                union value *ret, struct fail *why)
{
    switch (param->type) {
    case PARAM_BOOL:
        return parse_bool(name, text, ret, why);
    case PARAM_TIME:
        return parse_time(param, name, text, ret, why);
    case PARAM_INT:
    case PARAM_CODE:
    case PARAM_SIZE:
        return parse_int(param, name, text, ret, why);
    default:
        if (param->min > 0 && strlen(text) < (size_t)param->min)
            return fail_set(why, "bad string length %zu < %lld: %s = %s", strlen(text),
                            param->min, name, text);
        ret->text = text;
        return 0;
    }
}
