#include "unit.h"

#include "client/destination.h"

static const struct {
    const char *nexthop;
    bool lmtp;
    const char *domain, *path;
    int port;
    bool default_port, use_mx;
} rows[] = {
    {"d.example", false, "d.example", NULL, 25, true, true},
    {"d.example:2525", false, "d.example", NULL, 2525, false, true},
    {"d.example:smtp", false, "d.example", NULL, 25, true, true},
    {"[mail.example]", false, "mail.example", NULL, 25, true, false},
    {"[mail.example]:submission", false, "mail.example", NULL, 587, false, false},
    {"[192.0.2.1]:10025", false, "192.0.2.1", NULL, 10025, false, false},
    {"[ipv6:2001:db8::1]", false, "2001:db8::1", NULL, 25, true, false},
    {"b\xc3\xbc"
     "cher.example",
     false, "xn--bcher-kva.example", NULL, 25, true, true},
    {"unix:private/lmtp", true, "", "private/lmtp", 0, false, false},
    {"inet:host.example:2424", true, "host.example", NULL, 2424, false, true},
    {"inet:host.example", true, "host.example", NULL, 25, true, true},
};

static const char known[] = "smtp=25, submission=587";

static void reads_next_hops(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct client_settings settings = {.lmtp = rows[i].lmtp,
                                           .default_port = "smtp",
                                           .known_tcp_ports = known,
                                           .use_mx = true};
        struct destination got;
        struct fail why = {0};

        if (destination_parse(&settings, str_of(rows[i].nexthop), arena, &got, &why) < 0)
            fail_msg("row \"%s\": %s", rows[i].nexthop, why.text);
        ROW_TEXT(rows[i].nexthop, got.nexthop, rows[i].nexthop);
        ROW_TEXT(rows[i].nexthop, got.domain, rows[i].domain);
        ROW_TEXT(rows[i].nexthop, got.path, rows[i].path);
        ROW_INT(rows[i].nexthop, got.port, rows[i].port);
        ROW_INT(rows[i].nexthop, got.path == NULL && got.port == got.usual_port,
                rows[i].default_port);
        ROW_INT(rows[i].nexthop, got.use_mx, rows[i].use_mx);
    }
    arena_free(arena);
}

static const struct {
    const char *nexthop, *service; /* NULL = no SRV records are asked for */
    bool no_dns, fallback;
    int port; /* -1 = the next hop makes no sense */
} services[] = {
    {"d.example:submission", "submission", false, false, 587},
    {"d.example:SUBMISSION", "SUBMISSION", false, false, 25},
    {"d.example:lesser-known", "lesser-known", false, false, 25},
    {"d.example:lesser-known", NULL, false, true, -1},
    {"d.example:submission", NULL, true, false, 587},
    {"[d.example]:submission", NULL, false, false, 587},
    {"d.example:587", NULL, false, false, 587},
    {"d.example:smtp", NULL, false, false, 25},
    {"d.example", NULL, false, false, 25},
};

static void some_services_are_found_by_srv(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(services); i++) {
        struct client_settings settings = {.default_port = "smtp",
                                           .known_tcp_ports = known,
                                           .no_dns = services[i].no_dns,
                                           .srv_fallback_if_none = services[i].fallback,
                                           .srv_services = "submission, lesser-known"};
        struct destination got = {.port = 0};
        struct fail why;
        bool parsed = destination_parse(&settings, str_of(services[i].nexthop), arena,
                                        &got, &why) == 0;

        ROW_INT(services[i].nexthop, parsed, services[i].port >= 0);
        ROW_TEXT(services[i].nexthop, got.service, services[i].service);
        if (parsed)
            ROW_INT(services[i].nexthop, got.port, services[i].port);
    }
    arena_free(arena);
}

static void refuses_what_is_none(void **state)
{
    static const char *const bad[] = {"",
                                      "[",
                                      "[]",
                                      ":25",
                                      "host:",
                                      "host:nosuchport",
                                      "unix:private/x",
                                      "inet:host:24",
                                      "[host]25"};
    struct client_settings settings = {.default_port = "smtp", .known_tcp_ports = known};
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        struct destination got;
        struct fail why = {0};

        ROW_INT(bad[i], destination_parse(&settings, str_of(bad[i]), arena, &got, &why),
                -1);
        assert_true(why.text[0] != '\0');
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_next_hops),
        cmocka_unit_test(some_services_are_found_by_srv),
        cmocka_unit_test(refuses_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
