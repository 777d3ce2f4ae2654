/*
 * The service decides between bounced and deferred, the reason only says why:
 * a 4.x.x behind "error:" must not keep mail that was to be returned, nor the
 * other way round.
 */
#include "error/verdict.h"

struct outcome verdict_make(struct str reason, bool retry, struct arena *arena)
{
    const char *usual = retry ? "4.0.0" : "5.0.0";
    struct status_split split = status_split(reason, usual);
    const char *status = split.status[0] == usual[0] ? split.status : usual;
    struct outcome outcome;

    if (split.text.n == 0)
        split.text = STR("Address is undeliverable");
    outcome = outcome_make(arena, status, "%.*s", STR_ARG(split.text));
    outcome.relay = "none";
    return outcome;
}
