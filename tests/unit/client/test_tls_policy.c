#include "unit.h"

#include "client/tls_policy.h"

static struct client_tls tls_of_main_cf(struct arena *arena)
{
    struct client_tls tls = {
        .grades = {"HIGH", "MEDIUM", "NULL"},
        .protocols = {">=TLSv1", ">=TLSv1.2"},
        .ciphers = {"medium", "high"},
        .exclude = {"RC4", "MD5"},
        .server_name = "",
        .wide = true,
    };

    texts_split(&tls.match[TLS_LEVEL_VERIFY], arena, STR("hostname"), " ");
    texts_split(&tls.match[TLS_LEVEL_SECURE], arena, STR("nexthop dot-nexthop"), " ");
    return tls;
}

static const struct {
    const char *value;
    enum tls_level level;
    const char *ciphers, *match, *server_name;
    int least;
    bool reuse;
} policies[] = {
    {"none", TLS_LEVEL_NONE, NULL, "", NULL, 0, false},
    {"none foo=bar", TLS_LEVEL_NONE, NULL, "", NULL, 0, false},
    {"may", TLS_LEVEL_MAY, "MEDIUM:!RC4", "", NULL, TLS_1_0, false},
    {"Encrypt", TLS_LEVEL_ENCRYPT, "HIGH:!RC4:!MD5", "", NULL, TLS_1_2, false},
    {"encrypt, ciphers=medium, exclude=A:B", TLS_LEVEL_ENCRYPT, "MEDIUM:!A:!B", "", NULL,
     TLS_1_2, false},
    {"encrypt protocols=>=TLSv1.3", TLS_LEVEL_ENCRYPT, "HIGH:!RC4:!MD5", "", NULL,
     TLS_1_3, false},
    {"encrypt { protocols = >=TLSv1.1, !TLSv1.2 } connection_reuse=yes",
     TLS_LEVEL_ENCRYPT, "HIGH:!RC4:!MD5", "", NULL, TLS_1_1, true},
    {"verify", TLS_LEVEL_VERIFY, "HIGH:!RC4:!MD5:!aNULL", "hostname", NULL, TLS_1_2,
     false},
    {"secure match=.example.com:mx.example.net servername=hostname", TLS_LEVEL_SECURE,
     "HIGH:!RC4:!MD5:!aNULL", ".example.com mx.example.net", "hostname", TLS_1_2, false},
    {"secure", TLS_LEVEL_SECURE, "HIGH:!RC4:!MD5:!aNULL", "nexthop dot-nexthop", NULL,
     TLS_1_2, false},
    {"fingerprint match=AA:BB|CC:DD match=EE:FF", TLS_LEVEL_FINGERPRINT,
     "HIGH:!RC4:!MD5:!aNULL", "AA:BB CC:DD EE:FF", NULL, TLS_1_2, false},
    {"secure match=mx.x policy_type=sts policy_domain=x { policy_string = version: STSv1 "
     "} mx_host_pattern=mx.x",
     TLS_LEVEL_SECURE, "HIGH:!RC4:!MD5:!aNULL", "mx.x", NULL, TLS_1_2, false},
};

static const char *const refused[] = {
    "",
    "strong",
    "dane",
    "dane-only",
    "may match=x",
    "encrypt match=x",
    "fingerprint",
    "encrypt foo=bar",
    "encrypt tafile=/x",
    "encrypt foo",
    "encrypt =x",
    "encrypt ciphers=",
    "encrypt ciphers=strong",
    "encrypt protocols=TLSv9",
    "encrypt exclude=!x",
    "encrypt connection_reuse=maybe",
    "encrypt { ciphers = high",
};

static const char *joined(const struct texts *texts, struct arena *arena)
{
    const char *all = "";

    for (size_t i = 0; i < texts->n; i++)
        all = arena_printf(arena, "%s%s%s", all, *all ? " " : "", texts->items[i]);
    return all;
}

static void a_policy_takes_the_place_of_main_cf(void **state)
{
    struct arena *arena = arena_new("test");
    struct client_tls tls = tls_of_main_cf(arena);

    (void)state;
    for (size_t i = 0; i < ROWS(policies); i++) {
        struct tls_policy got;
        struct fail why;

        if (tls_policy_parse(str_of(policies[i].value), &tls, arena, &got, &why) < 0)
            fail_msg("%s: %s", policies[i].value, why.text);
        ROW_INT(policies[i].value, got.level, policies[i].level);
        ROW_TEXT(policies[i].value, got.terms.ciphers, policies[i].ciphers);
        ROW_TEXT(policies[i].value, joined(&got.match, arena), policies[i].match);
        ROW_TEXT(policies[i].value, got.terms.server_name, policies[i].server_name);
        ROW_INT(policies[i].value, got.terms.protocols.least, policies[i].least);
        ROW_INT(policies[i].value, got.reuse, policies[i].reuse);
    }
    arena_free(arena);
}

static void what_cannot_be_understood_is_no_policy(void **state)
{
    struct arena *arena = arena_new("test");
    struct client_tls tls = tls_of_main_cf(arena);

    (void)state;
    for (size_t i = 0; i < ROWS(refused); i++) {
        struct tls_policy got;
        struct fail why = {0};

        if (tls_policy_parse(str_of(refused[i]), &tls, arena, &got, &why) == 0)
            fail_msg("taken: %s", refused[i]);
        assert_true(why.text[0] != '\0');
    }
    arena_free(arena);
}

static const struct {
    enum tls_level level;
    const char *match;
    bool has_certificate, is_trusted;
    const char *refusal; /* NULL = welcome */
} meetings[] = {
    {TLS_LEVEL_NONE, "x", false, false, NULL},
    {TLS_LEVEL_MAY, "x", false, false, NULL},
    {TLS_LEVEL_ENCRYPT, "x", true, false, NULL},
    {TLS_LEVEL_VERIFY, "mx.test", true, true, NULL},
    {TLS_LEVEL_VERIFY, "a.test mx.test", true, true, NULL},
    {TLS_LEVEL_VERIFY, ".test", true, true, NULL},
    {TLS_LEVEL_VERIFY, "mx.test", true, false, "expired"},
    {TLS_LEVEL_VERIFY, "mx.test", false, true, "no certificate"},
    {TLS_LEVEL_VERIFY, "other.test", true, true, "num=62:hostname mismatch"},
    {TLS_LEVEL_SECURE, "mx.test", true, true, NULL},
    {TLS_LEVEL_SECURE, "", true, true, "num=62:hostname mismatch"},
    {TLS_LEVEL_SECURE, "AA:BB", true, true, "num=62:hostname mismatch"},
    {TLS_LEVEL_FINGERPRINT, "aa:bb", true, false, NULL},
    {TLS_LEVEL_FINGERPRINT, "CC:DD", true, false, NULL},
    {TLS_LEVEL_FINGERPRINT, "mx.test", true, true,
     "num=65:no matching DANE TLSA records"},
    {TLS_LEVEL_FINGERPRINT, "AA:BB", false, false, "no certificate"},
};

static void only_the_wanted_server_is_welcome(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(meetings); i++) {
        const char *names[] = {"mx.test"};
        struct tls_policy policy = {.level = meetings[i].level};
        struct tls_facts facts = {
            .has_certificate = meetings[i].has_certificate,
            .is_trusted = meetings[i].is_trusted,
            .why_not = "expired",
            .subject_cn = "x",
            .fingerprint = "AA:BB",
            .key_fingerprint = "CC:DD",
            .names = {.items = names, .n = 1},
        };

        texts_split(&policy.match, arena, str_of(meetings[i].match), " ");
        ROW_TEXT(meetings[i].match, tls_policy_refuses(&policy, &facts, true),
                 meetings[i].refusal);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_takes_the_place_of_main_cf),
        cmocka_unit_test(what_cannot_be_understood_is_no_policy),
        cmocka_unit_test(only_the_wanted_server_is_welcome),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
