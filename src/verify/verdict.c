/*
 * Ages of verdicts. A good one lasts long, and is looked into again long before it ends,
 * so that mail for an address that exists never waits for a probe.
 */
#include "verify/verdict.h"

enum {
    PROBE_LOST = 1000, /* seconds: what a probe did not bring by then, it never will */
    JUST_NOW = 30,     /* without a cache of bad ones: as long as who asked is there */
};

static bool take_number(struct str *rest, unsigned long long max, unsigned long long *ret)
{
    return str_number(str_until(rest, ':'), max, ret);
}

bool verdict_parse(const char *value, struct verdict *ret)
{
    struct str rest = str_of(value);
    unsigned long long status, probed, updated;

    if (!take_number(&rest, VERIFY_UNKNOWN, &status) ||
        !take_number(&rest, INT64_MAX, &probed) ||
        !take_number(&rest, INT64_MAX, &updated))
        return false;
    *ret = (struct verdict){(enum verify_status)status, (time_t)probed, (time_t)updated,
                            rest.p ? rest.p : ""};
    return true;
}

const char *verdict_format(const struct verdict *verdict, struct arena *arena)
{
    return arena_printf(arena, "%d:%lld:%lld:%s", (int)verdict->status,
                        (long long)verdict->probed, (long long)verdict->updated,
                        verdict->text);
}

static bool is_over(time_t since, int limit, time_t now)
{
    return since + limit <= now;
}

bool verdict_is_expired(const struct verdict *verdict, const struct conf *conf,
                        time_t now)
{
    if (verdict->status == VERIFY_UNKNOWN)
        return is_over(verdict->probed, PROBE_LOST, now);
    if (verdict->status == VERIFY_DELIVERABLE)
        return is_over(verdict->updated, conf->address_verify_positive_expire_time, now);
    return is_over(verdict->updated,
                   conf->address_verify_negative_cache
                       ? conf->address_verify_negative_expire_time
                       : JUST_NOW,
                   now);
}

bool verdict_wants_probe(const struct verdict *verdict, const struct conf *conf,
                         time_t now)
{
    int refresh = verdict->status == VERIFY_DELIVERABLE
                      ? conf->address_verify_positive_refresh_time
                      : conf->address_verify_negative_refresh_time;

    if (verdict->probed && !is_over(verdict->probed, PROBE_LOST, now))
        return false;
    return verdict->status == VERIFY_UNKNOWN || is_over(verdict->updated, refresh, now);
}
