/*
 * Decides which result a status code stands for. The three results are all
 * that the queue manager needs to know; words and codes are for people.
 */
#include "mail/outcome.h"

#include "util/format.h"

#include <stdarg.h>
#include <stdio.h>

static enum outcome_result result_of(const char *status)
{
    switch (status[0]) {
    case '2':
        return OUTCOME_DELIVERED;
    case '4':
        return OUTCOME_DEFERRED;
    default:
        return OUTCOME_BOUNCED;
    }
}

struct outcome outcome_make(struct arena *arena, const char *status, const char *format,
                            ...)
{
    struct outcome outcome = {.result = result_of(status)};
    char text[2000];
    va_list args;

    va_start(args, format);
    format_va(text, sizeof(text), format, args);
    va_end(args);
    format_text(outcome.status, sizeof(outcome.status), "%s", status);
    outcome.text = arena_copy(arena, text);
    return outcome;
}

struct outcome outcome_from_text(struct arena *arena, struct str text,
                                 const char *fallback)
{
    struct status_split split = status_split(text, fallback);

    return outcome_make(arena, split.status, "%.*s", STR_ARG(split.text));
}

void outcome_soften(struct outcome *outcome)
{
    if (outcome->result != OUTCOME_BOUNCED)
        return;
    outcome->result = OUTCOME_DEFERRED;
    status_set_class(outcome->status, '4');
}
