/*
 * Lets the administrator turn a failure for now into one for good, or the other
 * way round, and change the words.
 */
#include "deliver/filter.h"

#include "table/maps.h"
#include "util/log.h"

void delivery_open_filter(struct process *process, struct tables *tables,
                          const char *param, const char *value)
{
    process->status_filter = maps_open(tables, param, value, 0);
}

/* "4.7.1 come back": without words, those that were there stay. */
static struct outcome replaced(const struct delivery *delivery,
                               const struct outcome *outcome, struct str value)
{
    const char *param = maps_param(delivery->process->status_filter);
    struct outcome changed = outcome_from_text(delivery->arena, value, outcome->status);

    if (status_length(value) == 0) {
        log_warning("%s: no status code in \"%.*s\"", param, STR_ARG(value));
        return *outcome;
    }
    if ((changed.result == OUTCOME_DELIVERED) != (outcome->result == OUTCOME_DELIVERED)) {
        log_warning("%s: \"%.*s\" cannot replace \"%s %s\": what is delivered stays "
                    "delivered, and what is not, is not",
                    param, STR_ARG(value), outcome->status, outcome->text);
        return *outcome;
    }
    changed.text = *changed.text ? changed.text : outcome->text;
    changed.remote_mta = outcome->remote_mta;
    changed.diagnostic_type = outcome->diagnostic_type;
    changed.diagnostic_text = outcome->diagnostic_text;
    changed.relay = outcome->relay;
    changed.action = outcome->action;
    return changed;
}

struct outcome delivery_filter(const struct delivery *delivery,
                               const struct outcome *outcome)
{
    const struct maps *filter = delivery->process->status_filter;
    const char *key;
    struct str value;
    struct fail why;

    if (maps_empty(filter))
        return *outcome;
    key = arena_printf(delivery->arena, "%s %s", outcome->status, outcome->text);
    switch (maps_lookup(filter, str_of(key), MAPS_ALL, delivery->arena, &value, &why)) {
    case TABLE_FOUND:
        return replaced(delivery, outcome, value);
    case TABLE_ERROR:
        log_warning("%s: %s", maps_param(filter), why.text);
        return *outcome;
    default:
        return *outcome;
    }
}
