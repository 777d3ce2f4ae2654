/* Values of smtp_tls_policy_maps, which other programs make from what the DNS and web
 * servers say (MTA-STS): a policy is whole or none. */
#include "fuzz.h"

#include "client/tls_policy.h"

static void check(const struct tls_policy *policy)
{
    HOLDS(policy->level <= TLS_LEVEL_SECURE);
    if (policy->level == TLS_LEVEL_NONE)
        return;
    HOLDS(policy->terms.ciphers && policy->terms.ciphers[0]);
    HOLDS(policy->terms.protocols.excluded < 32);
    HOLDS(policy->terms.server_name == NULL || policy->terms.server_name[0]);
    HOLDS(policy->level <= TLS_LEVEL_ENCRYPT || policy->match.n > 0);
    HOLDS(policy->level <= TLS_LEVEL_ENCRYPT || strstr(policy->terms.ciphers, ":!aNULL"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new("fuzz");
    struct client_tls tls = {
        .grades = {"HIGH", "MEDIUM", "NULL"},
        .protocols = {">=TLSv1", ">=TLSv1.2"},
        .ciphers = {"medium", "high"},
        .exclude = {"RC4", "MD5"},
        .server_name = "",
    };
    struct tls_policy policy;
    struct fail why = {0};

    texts_add(&tls.match[TLS_LEVEL_SECURE], arena, "nexthop");
    if (tls_policy_parse(INPUT(data, size), &tls, arena, &policy, &why) == 0)
        check(&policy);
    else
        HOLDS(why.text[0]);
    arena_free(arena);
    return 0;
}
