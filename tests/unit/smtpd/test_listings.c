/* smtpd/restrict_blocklist.c: what a session keeps of what block lists said. */
#include "unit.h"

#include "dns/blocklist.h"
#include "smtpd/restrict.h"

static void a_client_cannot_fill_memory_with_names(void **state)
{
    struct dns_servers none = {.n = 1, .timeout_ms = 1, .attempts = 1};
    struct conf conf = {0};
    struct server server = {.resolver = resolver_new_with(&none, &clock_system)};
    struct session session = {.server = &server,
                              .conf = &conf,
                              .arena = arena_new("session"),
                              .command = arena_new("command")};
    struct judge judge = {.session = &session};
    const struct argument list = {.text = "list.test"};
    size_t used = 0;

    (void)state;
    for (int i = 0; i < 300; i++) {
        char sender[40];

        snprintf(sender, sizeof(sender), "a@d%d.test", i);
        session.transaction.sender = sender;
        assert_int_equal(restriction_find("reject_rhsbl_sender")->decide(&judge, &list),
                         VERDICT_DUNNO);
        arena_reset(session.command);
        if (i == 150)
            used = arena_used(session.arena);
    }
    assert_int_equal(arena_used(session.arena), used);
    arena_free(session.arena);
    arena_free(session.command);
    resolver_free(server.resolver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_cannot_fill_memory_with_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
