/*
 * How many deliveries to one destination may run at once: a window that grows
 * with success and shrinks with trouble, until the destination is given up for a
 * while. Arithmetic only; who measures what is decided in destination.c.
 */
#ifndef QMGR_FEEDBACK_H
#define QMGR_FEEDBACK_H

#include "util/attributes.h"
#include "util/fail.h"

#include <stdbool.h>

enum feedback_divisor { FEEDBACK_PLAIN, FEEDBACK_CONCURRENCY, FEEDBACK_SQRT_CONCURRENCY };

/* "0.5", "1/4", "1/concurrency", "1/sqrt_concurrency" */
struct feedback {
    double numerator;
    enum feedback_divisor divisor;
};
int feedback_parse(const char *text, struct feedback *ret, struct fail *why) MUST_CHECK;
/* Its size at this concurrency. */
double feedback_size(const struct feedback *feedback, int concurrency);

struct window_rules {
    struct feedback positive, negative;
    int initial;      /* window of a new destination */
    int limit;        /* 0 = none */
    int cohort_limit; /* pseudo-cohorts of failure until it is given up; 0 = never */
};

struct window {
    int size;
    double success, failure; /* what has not become a step yet */
    double failed_cohorts;
};

/* A new or revived destination. busy: deliveries that still run. */
struct window window_new(const struct window_rules *rules, int busy);
void window_success(struct window *window, const struct window_rules *rules, int busy);
/* True = give the destination up. */
bool window_failure(struct window *window, const struct window_rules *rules);

#endif
