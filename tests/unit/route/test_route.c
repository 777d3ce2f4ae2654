/* trivial-rewrite: which way mail goes, and what strangers may not hide in an address. */
#include "unit.h"

#include "conf/conf.h"
#include "route/route.h"

/* The site of these tests. */
static const char *const site[] = {
    "myhostname=mx.my.test",
    "mydomain=my.test",
    "myorigin=my.test",
    "mydestination=my.test, mx.my.test",
    "inet_interfaces=127.0.0.1",
    "inet_protocols=ipv4",
    "virtual_alias_domains=alias.test",
    "virtual_mailbox_domains=box.test",
    "relay_domains=relay.test",
    "relayhost=[hub.test]:2525",
    "recipient_delimiter=+",
    "transport_maps=inline:{slow.test=slow:, .slow.test=slow:, via.test=:[gate.test], "
    "{boss@my.test = error:5.7.1 not now}, keep.test=:, void.test=error:, "
    "wait.test=retry:, "
    "joe@relay.test=lmtp:unix:x}",
    "relocated_maps=inline:{gone@my.test=new@else.test}",
    "sender_dependent_relayhost_maps=inline:{s@my.test=[other.test], @quiet.test=DUNNO}",
    "sender_dependent_default_transport_maps=inline:{<>=nullmail:, "
    "t@my.test=bulk:[b.test]}",
    NULL,
};

static struct router *make_router(struct arena *arena, const char *const *overrides)
{
    struct conf_options options = {
        .program = "trivial-rewrite", .overrides = overrides, .defaults_only = true};
    struct router *router = ARENA_NEW(arena, struct router);
    struct fail why;
    struct conf *conf = conf_load(&options, &why);

    if (!conf || router_init(router, conf, arena, &why) < 0)
        fail_msg("%s", why.text);
    return router;
}

static void drop_router(struct router *router, struct arena *arena)
{
    struct conf *conf = (struct conf *)router->conf;

    tables_free(router->tables);
    conf_free(conf);
    arena_free(arena);
}

static const struct {
    const char *sender, *address;
    int flags;
    const char *transport, *nexthop, *recipient;
} routes[] = {
    {"s@x.test", "joe@my.test", RESOLVE_LOCAL, "local", "mx.my.test", "joe@my.test"},
    {"s@x.test", "joe@[127.0.0.1]", RESOLVE_LOCAL, "local", "mx.my.test",
     "joe@[127.0.0.1]"},
    {"s@x.test", "joe@alias.test", RESOLVE_VIRTUAL_ALIAS, "error",
     "5.1.1 User unknown in virtual alias table", "joe@alias.test"},
    {"s@x.test", "joe@box.test", RESOLVE_VIRTUAL_MAILBOX, "virtual", "box.test",
     "joe@box.test"},
    {"s@x.test", "jim@relay.test", RESOLVE_RELAY, "relay", "[hub.test]:2525",
     "jim@relay.test"},
    {"s@x.test", "joe@relay.test", RESOLVE_RELAY, "lmtp", "unix:x", "joe@relay.test"},
    {"s@x.test", "joe@else.test", RESOLVE_DEFAULT, "smtp", "[hub.test]:2525",
     "joe@else.test"},
    {"s@my.test", "joe@else.test", RESOLVE_DEFAULT, "smtp", "[other.test]",
     "joe@else.test"},
    {"s@quiet.test", "joe@else.test", RESOLVE_DEFAULT, "smtp", "[hub.test]:2525",
     "joe@else.test"},
    {"", "joe@else.test", RESOLVE_DEFAULT, "nullmail", "[hub.test]:2525",
     "joe@else.test"},
    {"t@my.test", "joe@else.test", RESOLVE_DEFAULT, "bulk", "[b.test]", "joe@else.test"},
    /* transport_maps */
    {"s@x.test", "joe@slow.test", RESOLVE_DEFAULT, "slow", "slow.test", "joe@slow.test"},
    {"s@x.test", "joe@a.slow.test", RESOLVE_DEFAULT, "slow", "a.slow.test",
     "joe@a.slow.test"},
    {"s@x.test", "joe@via.test", RESOLVE_DEFAULT, "smtp", "[gate.test]", "joe@via.test"},
    {"s@x.test", "joe@keep.test", RESOLVE_DEFAULT, "smtp", "[hub.test]:2525",
     "joe@keep.test"},
    {"s@x.test", "boss+x@my.test", RESOLVE_LOCAL, "error", "5.7.1 not now",
     "boss+x@my.test"},
    {"s@x.test", "joe@void.test", RESOLVE_DEFAULT, "error", "Address is undeliverable",
     "joe@void.test"},
    {"s@x.test", "joe@wait.test", RESOLVE_DEFAULT, "retry", "Address is undeliverable",
     "joe@wait.test"},
    {"s@x.test", "gone@my.test", RESOLVE_LOCAL, "error",
     "5.1.6 User has moved to new@else.test", "gone@my.test"},
    /* incomplete ones */
    {"s@x.test", "", RESOLVE_LOCAL, "local", "mx.my.test", "MAILER-DAEMON@mx.my.test"},
    {"s@x.test", "joe", RESOLVE_LOCAL, "local", "mx.my.test", "joe@mx.my.test"},
    {"s@x.test", "joe@my.test.", RESOLVE_LOCAL, "local", "mx.my.test", "joe@my.test"},
};

static void mail_goes_where_class_and_tables_say(void **state)
{
    struct arena *arena = arena_new("test");
    struct router *router = make_router(arena, site);

    (void)state;
    for (size_t i = 0; i < ROWS(routes); i++) {
        struct resolve question = {.sender = routes[i].sender,
                                   .address = routes[i].address};
        struct resolved answer = {0};
        struct fail why;

        if (router_resolve(router, &question, arena, &answer, &why) < 0)
            fail_msg("%s: %s", routes[i].address, why.text);
        ROW_INT(routes[i].address, answer.flags, routes[i].flags);
        ROW_TEXT(routes[i].address, answer.transport, routes[i].transport);
        ROW_TEXT(routes[i].address, answer.nexthop, routes[i].nexthop);
        ROW_TEXT(routes[i].address, answer.recipient, routes[i].recipient);
    }
    drop_router(router, arena);
}

/* Whatever a stranger wraps v@vic.test in, it must come out as not ours, routed, or bad.
 */
static const char *const wrapped[] = {
    "v%vic.test@my.test",
    "vic.test!v@my.test",
    "v@vic.test@my.test",
    "v@vic.test.",
    "v@vic.test",
    "v%vic.test@relay.test",
    "v@vic.test@relay.test",
    "vic.test!v@relay.test",
    "v@vic.test@[127.0.0.1]",
    "v@",
    "@my.test",
    "v%vic.test%my.test@my.test",
    "-v@my.test",
};

static void wrapped_addresses_are_not_ours(void **state)
{
    struct arena *arena = arena_new("test");
    struct router *router = make_router(arena, site);
    int ours =
        RESOLVE_LOCAL | RESOLVE_VIRTUAL_ALIAS | RESOLVE_VIRTUAL_MAILBOX | RESOLVE_RELAY;

    (void)state;
    for (size_t i = 0; i < ROWS(wrapped); i++) {
        struct resolve question = {.sender = "s@x.test", .address = wrapped[i]};
        struct resolved answer = {0};
        struct fail why;
        int result = router_resolve(router, &question, arena, &answer, &why);

        if (result == 0 && (answer.flags & ours) && !(answer.flags & RESOLVE_ROUTED))
            fail_msg("%s is taken for ours as %s", wrapped[i], answer.recipient);
    }
    drop_router(router, arena);
}

static void a_failed_table_is_try_again(void **state)
{
    static const char *const broken[][3] = {
        {"transport_maps=fail:x", "mydestination=my.test", NULL},
        {"mydestination=fail:x", "inet_interfaces=127.0.0.1", NULL},
        {"relay_domains=fail:x", "mydestination=my.test", NULL},
        {"relocated_maps=fail:x", "mydestination=my.test", NULL},
        {"sender_dependent_relayhost_maps=fail:x", "mydestination=my.test", NULL},
        {"virtual_mailbox_domains=fail:x", "mydestination=my.test", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(broken); i++) {
        struct arena *arena = arena_new("test");
        struct router *router = make_router(arena, broken[i]);
        struct resolve question = {.sender = "s@x.test", .address = "joe@else.test"};
        struct resolved answer = {0};
        struct fail why;

        ROW_INT(broken[i][0], router_resolve(router, &question, arena, &answer, &why),
                -1);
        ROW_INT(broken[i][0], answer.flags, RESOLVE_FAIL);
        ROW_TEXT(broken[i][0], answer.transport, "retry");
        drop_router(router, arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_goes_where_class_and_tables_say),
        cmocka_unit_test(wrapped_addresses_are_not_ours),
        cmocka_unit_test(a_failed_table_is_try_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
