#include "unit.h"

#include "net/endpoint.h"
#include "net/protocols.h"

static const struct {
    const char *input;
    enum endpoint_alone alone;
    enum endpoint_kind kind;
    const char *host, *port, *path;
} good[] = {
    {"smtp", ENDPOINT_ALONE_IS_PORT, ENDPOINT_INET, "", "smtp", NULL},
    {"mail.example", ENDPOINT_ALONE_IS_HOST, ENDPOINT_INET, "mail.example", "", NULL},
    {"127.0.0.1:10025", ENDPOINT_ALONE_IS_PORT, ENDPOINT_INET, "127.0.0.1", "10025",
     NULL},
    {"inet:localhost:8891", ENDPOINT_ALONE_IS_PORT, ENDPOINT_INET, "localhost", "8891",
     NULL},
    {"inet:8891", ENDPOINT_ALONE_IS_PORT, ENDPOINT_INET, "", "8891", NULL},
    {"[::1]:smtp", ENDPOINT_ALONE_IS_PORT, ENDPOINT_INET, "::1", "smtp", NULL},
    {"[ipv6:::1]:25", ENDPOINT_ALONE_IS_HOST, ENDPOINT_INET, "::1", "25", NULL},
    {"[mail.example]", ENDPOINT_ALONE_IS_HOST, ENDPOINT_INET, "mail.example", "", NULL},
    {"2001:db8::1", ENDPOINT_ALONE_IS_HOST, ENDPOINT_INET, "2001:db8::1", "", NULL},
    {":25", ENDPOINT_ALONE_IS_PORT, ENDPOINT_INET, "", "25", NULL},
    {"unix:private/lmtp", ENDPOINT_ALONE_IS_HOST, ENDPOINT_UNIX, "", "", "private/lmtp"},
};

static void reads_every_way_of_writing_an_endpoint(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        struct endpoint got;
        struct fail why = {0};

        if (endpoint_parse(str_of(good[i].input), good[i].alone, arena, &got, &why) < 0)
            fail_msg("row \"%s\": %s", good[i].input, why.text);
        ROW_INT(good[i].input, got.kind, good[i].kind);
        ROW_TEXT(good[i].input, got.host, good[i].host);
        ROW_TEXT(good[i].input, got.port, good[i].port);
        ROW_TEXT(good[i].input, got.path, good[i].path);
    }
    arena_free(arena);
}

static void refuses_malformed_endpoints(void **state)
{
    static const char *const bad[] = {
        "",      "inet:",   "unix:",  "host:",  "[host",
        "[]:25", "[::1]25", "[::1]:", "a b:25", "a:b:25x:1"};
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        struct endpoint got;
        struct fail why = {0};

        ROW_INT(bad[i],
                endpoint_parse(str_of(bad[i]), ENDPOINT_ALONE_IS_PORT, arena, &got, &why),
                -1);
        assert_true(why.text[0] != '\0');
    }
    arena_free(arena);
}

static const char known[] =
    "lmtp=24, smtp=25, smtps=submissions=465 , submission = 587, odd=x";

static const struct {
    const char *port, *known;
    int result, number;
} ports[] = {
    {"25", NULL, 0, 25},
    {"65535", NULL, 0, 65535},
    {"smtp", known, 0, 25},
    {"smtps", known, 0, 465},
    {"submissions", known, 0, 465},
    {"submission", known, 0, 587},
    {"domain", known, 0, 53},
    {"0", NULL, -1, 0},
    {"65536", NULL, -1, 0},
    {"25x", NULL, -1, 0},
    {"", NULL, -1, 0},
    {"465", known, 0, 465},
    {"no-such-service", known, -1, 0},
};

static void finds_ports_by_number_parameter_and_services_file(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(ports); i++) {
        uint16_t number = 0;
        struct fail why = {0};

        ROW_INT(ports[i].port,
                endpoint_port(ports[i].port, ports[i].known, &number, &why),
                ports[i].result);
        ROW_INT(ports[i].port, number, ports[i].number);
    }
}

static void numeric_hosts_ask_nobody_and_respect_protocols(void **state)
{
    struct arena *arena = arena_new("test");
    struct netaddrs got = {0};
    struct fail why = {0};
    char text[NETADDR_TEXT];

    (void)state;
    assert_int_equal(
        endpoint_addresses("192.0.2.1", 25, PROTOCOL_IPV4, arena, &got, &why), 1);
    assert_int_equal(got.n, 1);
    assert_int_equal(got.items[0].port, 25);
    assert_string_equal(netaddr_text(&got.items[0], text), "192.0.2.1");
    assert_int_equal(
        endpoint_addresses("192.0.2.1", 25, PROTOCOL_IPV6, arena, &got, &why), 0);
    arena_free(arena);
}

static void localhost_is_found_by_the_system_resolver(void **state)
{
    struct arena *arena = arena_new("test");
    struct netaddrs got = {0};
    struct fail why = {0};

    (void)state;
    assert_int_equal(endpoint_addresses("localhost", 7, PROTOCOL_IPV4, arena, &got, &why),
                     1);
    assert_true(got.n >= 1);
    assert_true(netaddr_is_loopback(&got.items[0]));
    assert_int_equal(got.items[0].port, 7);
    arena_free(arena);
}

/* fail.code is an errno, and the resolver has none. */
static void a_host_that_does_not_exist_is_named(void **state)
{
    struct fail why = {.code = 77};

    (void)state;
    assert_int_equal(endpoint_connect("inet:a..b:25", 1000, &why), -1);
    assert_int_equal(why.code, 0);
    assert_non_null(strstr(why.text, "a..b: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_way_of_writing_an_endpoint),
        cmocka_unit_test(refuses_malformed_endpoints),
        cmocka_unit_test(finds_ports_by_number_parameter_and_services_file),
        cmocka_unit_test(numeric_hosts_ask_nobody_and_respect_protocols),
        cmocka_unit_test(localhost_is_found_by_the_system_resolver),
        cmocka_unit_test(a_host_that_does_not_exist_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
