#include "unit.h"

#include "net/protocols.h"

static const struct {
    const char *input;
    int set;
} rows[] = {
    {"ipv4", PROTOCOL_IPV4},
    {"ipv6", PROTOCOL_IPV6},
    {"ipv4, ipv6", PROTOCOL_IPV4 | PROTOCOL_IPV6},
    {"IPv6 ipv4", PROTOCOL_IPV4 | PROTOCOL_IPV6},
};

static void reads_the_parameter(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        int set = 0;

        ROW_INT(rows[i].input, protocols_parse(str_of(rows[i].input), &set, NULL), 0);
        ROW_INT(rows[i].input, set, rows[i].set);
    }
}

static void all_means_what_the_kernel_has(void **state)
{
    int set = 0;

    (void)state;
    assert_int_equal(protocols_parse(STR("all"), &set, NULL), 0);
    assert_true(set & PROTOCOL_IPV4);
}

static void refuses_unknown_words_and_nothing(void **state)
{
    static const char *const bad[] = {"", "ipv5", "ipv4 any", " , "};
    int set = 77;

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        struct fail why = {0};

        ROW_INT(bad[i], protocols_parse(str_of(bad[i]), &set, &why), -1);
        assert_int_equal(set, 77);
    }
}

static void tells_which_addresses_are_in_the_set(void **state)
{
    struct netaddr v4, v6, none = {0}, path = {.family = NETADDR_UNIX};

    (void)state;
    assert_true(netaddr_parse(STR("192.0.2.1"), &v4));
    assert_true(netaddr_parse(STR("::1"), &v6));
    assert_true(protocols_has(PROTOCOL_IPV4, &v4));
    assert_false(protocols_has(PROTOCOL_IPV4, &v6));
    assert_true(protocols_has(PROTOCOL_IPV6, &v6));
    assert_true(protocols_has(PROTOCOL_IPV6, &path));
    assert_false(protocols_has(PROTOCOL_IPV6 | PROTOCOL_IPV4, &none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_parameter),
        cmocka_unit_test(all_means_what_the_kernel_has),
        cmocka_unit_test(refuses_unknown_words_and_nothing),
        cmocka_unit_test(tells_which_addresses_are_in_the_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
