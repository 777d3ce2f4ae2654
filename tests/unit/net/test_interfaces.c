#include "unit.h"

#include "net/interfaces.h"
#include "net/protocols.h"

static struct netaddr parse(const char *text)
{
    struct netaddr address;

    assert_true(netaddr_parse(str_of(text), &address));
    return address;
}

static void probe_finds_loopback_and_its_network(void **state)
{
    struct arena *arena = arena_new("test");
    struct interfaces own = {0};
    struct netaddr loopback = parse("127.0.0.1");
    struct fail why = {0};

    (void)state;
    assert_int_equal(interfaces_probe(PROTOCOL_IPV4, arena, &own, &why), 0);
    assert_true(interfaces_has(&own, &loopback));
    for (size_t i = 0; i < own.n; i++) {
        assert_int_equal(own.addresses[i].family, NETADDR_IPV4);
        assert_true(cidr_match(&own.networks[i], &own.addresses[i]));
        if (netaddr_equal(&own.addresses[i], &loopback))
            assert_int_equal(own.networks[i].bits, 8);
    }
    arena_free(arena);
}

static void loopback_only_is_just_that(void **state)
{
    struct arena *arena = arena_new("test");
    struct interfaces own = {0};
    struct fail why = {0};

    (void)state;
    assert_int_equal(interfaces_select("loopback-only", PROTOCOL_IPV4, arena, &own, &why),
                     0);
    assert_true(own.n >= 1);
    for (size_t i = 0; i < own.n; i++)
        assert_true(netaddr_is_loopback(&own.addresses[i]));
    arena_free(arena);
}

static void a_list_names_addresses_ours_or_not(void **state)
{
    struct arena *arena = arena_new("test");
    struct interfaces own = {0};
    struct netaddr loopback = parse("127.0.0.1"), foreign = parse("192.0.2.1");
    char text[NETADDR_TEXT];
    struct fail why = {0};

    (void)state;
    assert_int_equal(interfaces_select("127.0.0.1, [192.0.2.1], 127.0.0.1", PROTOCOL_IPV4,
                                       arena, &own, &why),
                     0);
    assert_int_equal(own.n, 2);
    assert_true(interfaces_has(&own, &loopback));
    assert_true(interfaces_has(&own, &foreign));
    assert_string_equal(cidr_text(&own.networks[0], text), "127.0.0.0/8");
    assert_string_equal(cidr_text(&own.networks[1], text), "192.0.2.1/32");
    arena_free(arena);
}

static void addresses_of_a_protocol_switched_off_are_left_out(void **state)
{
    struct arena *arena = arena_new("test");
    struct interfaces own = {0};
    struct fail why = {0};

    (void)state;
    assert_int_equal(
        interfaces_select("::1, 127.0.0.1", PROTOCOL_IPV4, arena, &own, &why), 0);
    assert_int_equal(own.n, 1);
    arena_free(arena);
}

static void an_unknown_name_is_an_error(void **state)
{
    struct arena *arena = arena_new("test");
    struct interfaces own = {0};
    struct fail why = {0};

    (void)state;
    assert_int_equal(
        interfaces_select("no-such-host.invalid", PROTOCOL_IPV4, arena, &own, &why), -1);
    assert_non_null(strstr(why.text, "no-such-host.invalid"));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probe_finds_loopback_and_its_network),
        cmocka_unit_test(loopback_only_is_just_that),
        cmocka_unit_test(a_list_names_addresses_ours_or_not),
        cmocka_unit_test(addresses_of_a_protocol_switched_off_are_left_out),
        cmocka_unit_test(an_unknown_name_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
