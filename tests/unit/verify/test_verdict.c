/* verify/verdict.c: what a verdict is worth at its age. */
#include "unit.h"

#include "verify/verdict.h"

static const struct {
    const char *value;
    bool good;
    enum verify_status status;
    long long probed, updated;
    const char *text;
} values[] = {
    {"0:0:1795913550:delivers to mailbox", true, VERIFY_DELIVERABLE, 0, 1795913550,
     "delivers to mailbox"},
    {"2:5:7:a: b", true, VERIFY_BOUNCED, 5, 7, "a: b"},
    {"3:5:0:", true, VERIFY_UNKNOWN, 5, 0, ""},
    {"1:0:0:", true, VERIFY_DEFERRED, 0, 0, ""},
    {"4:0:0:x", false, 0, 0, 0, NULL},
    {"-1:0:0:x", false, 0, 0, 0, NULL},
    {"0:0", false, 0, 0, 0, NULL},
    {"0:x:0:y", false, 0, 0, 0, NULL},
    {"1795913543", false, 0, 0, 0, NULL},
    {"", false, 0, 0, 0, NULL},
};

static void an_entry_of_the_cache_is_read_or_is_none(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(values); i++) {
        struct verdict got;

        ROW_INT(values[i].value, verdict_parse(values[i].value, &got), values[i].good);
        if (!values[i].good)
            continue;
        ROW_INT(values[i].value, got.status, values[i].status);
        ROW_INT(values[i].value, got.probed, values[i].probed);
        ROW_INT(values[i].value, got.updated, values[i].updated);
        ROW_TEXT(values[i].value, got.text, values[i].text);
        ROW_TEXT(values[i].value, verdict_format(&got, arena), values[i].value);
    }
    arena_free(arena);
}

enum { NOW = 1000000 };

static const struct {
    const char *name;
    struct verdict verdict;
    bool expired, probe;
} ages[] = {
    {"new and good", {VERIFY_DELIVERABLE, 0, NOW, ""}, false, false},
    {"good, to be looked into", {VERIFY_DELIVERABLE, 0, NOW - 70, ""}, false, true},
    {"good, a probe is out",
     {VERIFY_DELIVERABLE, NOW - 999, NOW - 2000, ""},
     true,
     false},
    {"good, a probe is lost",
     {VERIFY_DELIVERABLE, NOW - 1000, NOW - 70, ""},
     false,
     true},
    {"good and old", {VERIFY_DELIVERABLE, 0, NOW - 310, ""}, true, true},
    {"new and bad", {VERIFY_BOUNCED, 0, NOW - 2, ""}, false, false},
    {"bad, to be looked into", {VERIFY_DEFERRED, 0, NOW - 3, ""}, false, true},
    {"bad and old", {VERIFY_BOUNCED, 0, NOW - 30, ""}, true, true},
    {"not known", {VERIFY_UNKNOWN, 0, 0, ""}, true, true},
    {"not known yet", {VERIFY_UNKNOWN, NOW - 999, 0, ""}, false, false},
    {"never known", {VERIFY_UNKNOWN, NOW - 1000, 0, ""}, true, true},
};

static void age_decides(void **state)
{
    const struct conf conf = {
        .address_verify_positive_refresh_time = 70,
        .address_verify_positive_expire_time = 310,
        .address_verify_negative_refresh_time = 3,
        .address_verify_negative_expire_time = 30,
        .address_verify_negative_cache = true,
    };

    (void)state;
    for (size_t i = 0; i < ROWS(ages); i++) {
        ROW_INT(ages[i].name, verdict_is_expired(&ages[i].verdict, &conf, NOW),
                ages[i].expired);
        ROW_INT(ages[i].name, verdict_wants_probe(&ages[i].verdict, &conf, NOW),
                ages[i].probe);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_of_the_cache_is_read_or_is_none),
        cmocka_unit_test(age_decides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
