#include "unit.h"

#include "tls/names.h"

static const struct {
    const char *name, *pattern;
    bool matches, matches_wide;
} rows[] = {
    {"mx.example.com", "mx.example.com", true, true},
    {"MX.Example.COM", "mx.example.com", true, true},
    {"mx.example.com", "mx.example.org", false, false},
    {"mx.example.com", "x.mx.example.com", false, false},
    {"example.com", "mx.example.com", false, false},
    {"*.example.com", "mx.example.com", true, true},
    {"*.example.com", "a.mx.example.com", false, true},
    {"*.example.com", "example.com", false, false},
    {"*.example.com", ".example.com", true, true},
    {"*.com", "example.com", false, false},
    {"*.", "example.com", false, false},
    {"*", "example.com", false, false},
    {"*.*.com", "a.b.com", false, false},
    {"m*.example.com", "mx.example.com", false, false},
    {"mx.*.com", "mx.example.com", false, false},
    {"", "mx.example.com", false, false},
    {"", "", false, false},
    {"mx.example.com.", "mx.example.com", false, false},
    {"mx.example.com", "mx.example.com.", false, false},
    {"mx.example.com", ".example.com", true, true},
    {"a.b.example.com", ".example.com", true, true},
    {"example.com", ".example.com", false, false},
    {"evilexample.com", ".example.com", false, false},
    {".example.com", ".example.com", false, false},
    {".example.com", "mx.example.com", false, false},
    {"mx.example.com", ".", false, false},
    {"192.0.2.1", "192.0.2.1", true, true},
};

static void names_stand_for_hosts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *item[] = {rows[i].name};
        struct tls_facts facts = {.subject_cn = "other",
                                  .names = {.items = item, .n = 1}};
        struct str pattern = str_of(rows[i].pattern);
        bool narrow = tls_certificate_matches(&facts, pattern, false) != NULL;
        bool wide = tls_certificate_matches(&facts, pattern, true) != NULL;

        ROW_INT(rows[i].name, narrow, rows[i].matches);
        ROW_INT(rows[i].name, wide, rows[i].matches_wide);
    }
}

static void the_common_name_counts_only_without_others(void **state)
{
    const char *other[] = {""};
    struct tls_facts facts = {.subject_cn = "mx.example.com"};

    (void)state;
    assert_string_equal(tls_certificate_matches(&facts, STR("mx.example.com"), true),
                        "mx.example.com");
    facts.names = (struct texts){.items = other, .n = 1}; /* one that is no name */
    assert_null(tls_certificate_matches(&facts, STR("mx.example.com"), true));
}

static void fingerprints_of_certificate_or_key(void **state)
{
    struct tls_facts facts = {
        .has_certificate = true, .fingerprint = "AB:CD", .key_fingerprint = "01:02"};

    (void)state;
    assert_true(tls_fingerprint_matches(&facts, STR("ab:cd")));
    assert_true(tls_fingerprint_matches(&facts, STR("01:02")));
    assert_false(tls_fingerprint_matches(&facts, STR("AB")));
    assert_false(tls_fingerprint_matches(&facts, STR("")));
    facts.fingerprint = facts.key_fingerprint = "";
    assert_false(tls_fingerprint_matches(&facts, STR("")));
    facts = (struct tls_facts){.fingerprint = "AB", .key_fingerprint = ""};
    assert_false(tls_fingerprint_matches(&facts, STR("AB")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_stand_for_hosts),
        cmocka_unit_test(the_common_name_counts_only_without_others),
        cmocka_unit_test(fingerprints_of_certificate_or_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
