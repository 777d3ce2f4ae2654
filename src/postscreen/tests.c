/* Which tests there are, and how long they hold; see tests.h. */
#include "postscreen/tests.h"

#include "util/str.h"

int action_read(const char *param, const char *value, enum action *ret, struct fail *why)
{
    static const char *const words[] = {"ignore", "enforce", "drop"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_is_nocase(str_of(value), words[i])) {
            *ret = (enum action)i;
            return 0;
        }
    return fail_set(why, "bad %s value: \"%.100s\": ignore, enforce or drop", param,
                    value);
}

int test_rules_read(const struct conf *conf, bool have_lists, struct test_rules *ret,
                    struct fail *why)
{
    const struct {
        const char *param, *action;
        bool enabled;
        int ttl;
    } rows[TESTS] = {
        [TEST_GREET] = {"postscreen_greet_action", conf->postscreen_greet_action,
                        *conf->postscreen_greet_banner != '\0',
                        conf->postscreen_greet_ttl},
        [TEST_DNSBL] = {"postscreen_dnsbl_action", conf->postscreen_dnsbl_action,
                        have_lists, conf->postscreen_dnsbl_max_ttl},
        [TEST_PIPELINING] = {"postscreen_pipelining_action",
                             conf->postscreen_pipelining_action,
                             conf->postscreen_pipelining_enable,
                             conf->postscreen_pipelining_ttl},
        [TEST_NON_SMTP] = {"postscreen_non_smtp_command_action",
                           conf->postscreen_non_smtp_command_action,
                           conf->postscreen_non_smtp_command_enable,
                           conf->postscreen_non_smtp_command_ttl},
        [TEST_BARE_NEWLINE] = {"postscreen_bare_newline_action",
                               conf->postscreen_bare_newline_action,
                               conf->postscreen_bare_newline_enable,
                               conf->postscreen_bare_newline_ttl},
    };

    *ret = (struct test_rules){.min_ttl = conf->postscreen_dnsbl_min_ttl,
                               .retention = conf->postscreen_cache_retention_time};
    for (size_t i = 0; i < TESTS; i++) {
        if (action_read(rows[i].param, rows[i].action, &ret->actions[i], why) < 0)
            return -1;
        ret->enabled |= rows[i].enabled ? 1U << i : 0;
        ret->ttl[i] = rows[i].ttl;
    }
    return 0;
}

bool record_parse(const char *value, struct record *ret)
{
    struct str rest = str_of(value);
    unsigned long long number;

    for (size_t i = 0; i < TESTS; i++) {
        struct str word = str_until(&rest, ';');

        /* compat: caches of before a test was there have fewer */
        if (word.n == 0 && i > 0)
            number = 0;
        else if (!str_number(word, INT64_MAX / 2, &number))
            return false;
        ret->until[i] = (int64_t)number;
    }
    return true;
}

const char *record_format(const struct record *record, struct arena *arena)
{
    return arena_printf(
        arena, "%lld;%lld;%lld;%lld;%lld", (long long)record->until[TEST_GREET],
        (long long)record->until[TEST_DNSBL], (long long)record->until[TEST_PIPELINING],
        (long long)record->until[TEST_NON_SMTP],
        (long long)record->until[TEST_BARE_NEWLINE]);
}

unsigned record_due(const struct record *record, const struct test_rules *rules,
                    int64_t now)
{
    unsigned due = 0;

    for (size_t i = 0; i < TESTS; i++)
        if (rules->enabled & 1U << i && record->until[i] <= now)
            due |= 1U << i;
    return due;
}

bool record_is_old(const struct record *record, const struct test_rules *rules,
                   int64_t now)
{
    int64_t last = 0;

    for (size_t i = 0; i < TESTS; i++)
        if (record->until[i] > last)
            last = record->until[i];
    return last + rules->retention <= now;
}
