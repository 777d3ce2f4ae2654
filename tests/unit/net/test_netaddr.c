#include "unit.h"

#include "net/netaddr.h"

#include <netinet/in.h>
#include <sys/un.h>

static const struct {
    const char *input, *text, *literal, *reverse;
} addresses[] = {
    {"192.0.2.1", "192.0.2.1", "192.0.2.1", "1.2.0.192.in-addr.arpa"},
    {"[192.0.2.1]", "192.0.2.1", "192.0.2.1", "1.2.0.192.in-addr.arpa"},
    {"2001:DB8:0:0:0:0:0:1", "2001:db8::1", "IPv6:2001:db8::1",
     "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"},
    {"[ipv6:::1]", "::1", "IPv6:::1",
     "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa"},
    {"::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7", "7.2.0.192.in-addr.arpa"},
    {"IPv6:::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7", "7.2.0.192.in-addr.arpa"},
};

static void reads_and_writes_every_numeric_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(addresses); i++) {
        struct netaddr got;
        char text[NETADDR_TEXT], reverse[NETADDR_REVERSE];

        ROW_INT(addresses[i].input, netaddr_parse(str_of(addresses[i].input), &got),
                true);
        ROW_TEXT(addresses[i].input, netaddr_text(&got, text), addresses[i].text);
        ROW_TEXT(addresses[i].input, netaddr_literal(&got, text), addresses[i].literal);
        ROW_TEXT(addresses[i].input, netaddr_reverse(&got, true, reverse),
                 addresses[i].reverse);
        ROW_INT(addresses[i].input, got.port, 0);
    }
}

static const char *const bad[] = {
    "",
    "[]",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "1.2.3.256",
    " 1.2.3.4",
    "1.2.3.4:25",
    "[1.2.3.4",
    ":::",
    "IPv6:1.2.3.4",
    "host",
    "::1%no-such-if",
    "0x7f.1",
    "1::2::3",
    "::1/128",
    "[[::1]]",
    "2001:0db8:0000:0000:0000:0000:0000:0001:0000:0000:0000:0000:0000:0000",
};

static void refuses_what_is_no_numeric_address(void **state)
{
    struct netaddr untouched = {.family = NETADDR_UNIX};

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        ROW_INT(bad[i], netaddr_parse(str_of(bad[i]), &untouched), false);
        ROW_INT(bad[i], untouched.family, NETADDR_UNIX);
    }
    assert_false(netaddr_parse(str_from("::1\0", 4), &untouched));
}

static void travels_to_the_kernel_and_back(void **state)
{
    static const char *const rows[] = {"192.0.2.1", "2001:db8::1"};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct netaddr there, back;
        struct sockaddr_storage sa;
        socklen_t length;

        assert_true(netaddr_parse(str_of(rows[i]), &there));
        there.port = 2525;
        length = netaddr_to_socket(&there, &sa);
        netaddr_from_socket((struct sockaddr *)&sa, length, &back);
        ROW_INT(rows[i], netaddr_equal(&there, &back), true);
        ROW_INT(rows[i], back.port, 2525);
    }
}

static void takes_unnamed_and_unknown_sockets(void **state)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr other = {.sa_family = AF_APPLETALK};
    struct netaddr got;
    char text[NETADDR_TEXT];

    (void)state;
    netaddr_from_socket((struct sockaddr *)&un, sizeof un.sun_family, &got);
    assert_int_equal(got.family, NETADDR_UNIX);
    assert_string_equal(netaddr_text(&got, text), "");
    assert_true(netaddr_is_loopback(&got));
    netaddr_from_socket(&other, sizeof other, &got);
    assert_int_equal(got.family, NETADDR_NONE);
}

static const struct {
    const char *input;
    bool loopback, any;
} kinds[] = {
    {"127.0.0.1", true, false}, {"127.9.9.9", true, false}, {"::1", true, false},
    {"::", false, true},        {"0.0.0.0", false, true},   {"128.0.0.1", false, false},
    {"::2", false, false},
};

static void knows_loopback_and_any(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(kinds); i++) {
        struct netaddr got;

        assert_true(netaddr_parse(str_of(kinds[i].input), &got));
        ROW_INT(kinds[i].input, netaddr_is_loopback(&got), kinds[i].loopback);
        ROW_INT(kinds[i].input, netaddr_is_any(&got), kinds[i].any);
    }
}

static void compares_addresses_without_ports(void **state)
{
    struct netaddr a, b;

    (void)state;
    assert_true(netaddr_parse(STR("192.0.2.1"), &a));
    b = a;
    b.port = 99;
    assert_true(netaddr_equal(&a, &b));
    b.bytes[3] = 2;
    assert_false(netaddr_equal(&a, &b));
    assert_true(netaddr_parse(STR("::1"), &b));
    assert_false(netaddr_equal(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_every_numeric_form),
        cmocka_unit_test(refuses_what_is_no_numeric_address),
        cmocka_unit_test(travels_to_the_kernel_and_back),
        cmocka_unit_test(takes_unnamed_and_unknown_sockets),
        cmocka_unit_test(knows_loopback_and_any),
        cmocka_unit_test(compares_addresses_without_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
