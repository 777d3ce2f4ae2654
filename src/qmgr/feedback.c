/*
 * Feedback with hysteresis: growth is counted until it makes a whole step,
 * shrinking takes its step at once and then waits. A window does not grow when
 * the deliveries that run would not fill it.
 */
#include "qmgr/feedback.h"

#include "util/str.h"

#include <math.h>
#include <stdlib.h>

static bool parse_number(struct str s, double *ret)
{
    char text[32], *end;

    if (s.n == 0 || s.n >= sizeof(text) || str_span(s, "0123456789.") < s.n)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    *ret = strtod(text, &end);
    return *end == '\0';
}

int feedback_parse(const char *text, struct feedback *ret, struct fail *why)
{
    struct str rest = str_of(text);
    struct str number = str_trim(str_until(&rest, '/'));
    struct feedback feedback = {0};
    double divisor = 1;

    rest = str_trim(rest);
    if (str_is(rest, "concurrency"))
        feedback.divisor = FEEDBACK_CONCURRENCY;
    else if (str_is(rest, "sqrt_concurrency"))
        feedback.divisor = FEEDBACK_SQRT_CONCURRENCY;
    else if (rest.n > 0 && (!parse_number(rest, &divisor) || divisor <= 0))
        return fail_set(why, "bad divisor in feedback \"%s\"", text);
    if (!parse_number(number, &feedback.numerator))
        return fail_set(why, "bad number in feedback \"%s\"", text);
    feedback.numerator /= divisor;
    if (feedback.numerator > 1)
        return fail_set(why, "feedback \"%s\" is more than 1", text);
    *ret = feedback;
    return 0;
}

double feedback_size(const struct feedback *feedback, int concurrency)
{
    switch (feedback->divisor) {
    case FEEDBACK_CONCURRENCY:
        return feedback->numerator / concurrency;
    case FEEDBACK_SQRT_CONCURRENCY:
        return feedback->numerator / sqrt(concurrency);
    default:
        return feedback->numerator;
    }
}

struct window window_new(const struct window_rules *rules, int busy)
{
    int size = busy > 0 ? busy : rules->initial;

    if (rules->limit > 0 && size > rules->limit)
        size = rules->limit;
    return (struct window){.size = size > 0 ? size : 1};
}

static bool may_grow(const struct window *window, const struct window_rules *rules,
                     int busy)
{
    return (rules->limit == 0 || window->size < rules->limit) &&
           window->size < busy + rules->initial;
}

void window_success(struct window *window, const struct window_rules *rules, int busy)
{
    double step = feedback_size(&rules->positive, window->size);

    window->failed_cohorts = 0;
    if (!may_grow(window, rules, busy))
        return;
    window->success += step;
    while (window->success + step / 2 >= 1) {
        window->size++;
        window->success -= 1;
        window->failure = 0;
    }
    if (rules->limit > 0 && window->size > rules->limit)
        window->size = rules->limit;
}

bool window_failure(struct window *window, const struct window_rules *rules)
{
    double step = feedback_size(&rules->negative, window->size);

    window->failed_cohorts += 1.0 / window->size;
    if (rules->cohort_limit > 0 && window->failed_cohorts >= rules->cohort_limit)
        return true;
    window->failure -= step;
    while (window->failure - step / 2 < 0) {
        if (window->size > 1)
            window->size--;
        window->failure += 1;
        window->success = 0;
    }
    return false;
}
