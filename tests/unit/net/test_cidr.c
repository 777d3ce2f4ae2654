#include "unit.h"

#include "net/cidr.h"

static const struct {
    const char *block, *text, *address;
    bool matches;
} blocks[] = {
    {"192.0.2.0/24", "192.0.2.0/24", "192.0.2.255", true},
    {"192.0.2.0/24", "192.0.2.0/24", "192.0.3.0", false},
    {"192.0.2.128/25", "192.0.2.128/25", "192.0.2.127", false},
    {"192.0.2.128/25", "192.0.2.128/25", "192.0.2.200", true},
    {"192.0.2.1", "192.0.2.1/32", "192.0.2.1", true},
    {"0.0.0.0/0", "0.0.0.0/0", "203.0.113.9", true},
    {"0.0.0.0/0", "0.0.0.0/0", "::1", false},
    {"::/0", "[::]/0", "2001:db8::1", true},
    {"::/0", "[::]/0", "192.0.2.1", false},
    {"[2001:db8::]/33", "[2001:db8::]/33", "2001:db8:8000::", false},
    {"[2001:db8::]/33", "[2001:db8::]/33", "2001:db8:7fff::1", true},
    {"[::1]", "[::1]/128", "::1", true},
    {"[::1]/128", "[::1]/128", "::2", false},
    {"192.0.2.0/24", "192.0.2.0/24", "::ffff:192.0.2.9", true},
    {"[::ffff:127.0.0.0]/104", "[::ffff:127.0.0.0]/104", "127.0.0.1", false},
    {"[::ffff:127.0.0.0]/104", "[::ffff:127.0.0.0]/104", "::1", false},
    {"::ffff:192.0.2.7", "[::ffff:192.0.2.7]/128", "192.0.2.7", false},
    {"::ffff:0:0/96", "[::ffff:0.0.0.0]/96", "192.0.2.7", false},
};

static void matches_exactly_the_addresses_of_a_block(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(blocks); i++) {
        struct cidr block;
        struct netaddr address;
        struct fail why = {0};
        char text[NETADDR_TEXT];

        ROW_INT(blocks[i].block, cidr_parse(str_of(blocks[i].block), &block, &why), 0);
        assert_true(netaddr_parse(str_of(blocks[i].address), &address));
        ROW_INT(blocks[i].address, cidr_match(&block, &address), blocks[i].matches);
        ROW_TEXT(blocks[i].block, cidr_text(&block, text), blocks[i].text);
    }
}

static const struct {
    const char *block, *words;
} bad[] = {
    {"192.0.2.1/24", "192.0.2.0/24"},
    {"[2001:db8::1]/32", "[2001:db8::]/32"},
    {"192.0.2.0/33", "bad net/mask"},
    {"192.0.2.0/", "bad net/mask"},
    {"192.0.2.0/-1", "bad net/mask"},
    {"192.0.2/24", "bad net/mask"},
    {"::/129", "bad net/mask"},
    {"[::ffff:127.0.0.0]/129", "bad net/mask"},
    {"[::ffff:127.0.0.1]/104", "[::ffff:127.0.0.0]/104"},
    {"[::ffff:0:0]/90", "[::ffc0:0:0]/90"},
    {"host", "bad net/mask"},
    {"", "bad net/mask"},
};

static void refuses_bad_blocks_and_says_what_was_meant(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        struct cidr block = {.bits = 77};
        struct fail why = {0};

        ROW_INT(bad[i].block, cidr_parse(str_of(bad[i].block), &block, &why), -1);
        ROW_INT(bad[i].block, strstr(why.text, bad[i].words) != NULL, true);
        ROW_INT(bad[i].block, block.bits, 77);
    }
}

static void makes_the_block_around_an_address(void **state)
{
    struct netaddr address;
    struct cidr block;
    char text[NETADDR_TEXT];

    (void)state;
    assert_true(netaddr_parse(STR("192.0.2.77"), &address));
    block = cidr_around(&address, 26);
    assert_string_equal(cidr_text(&block, text), "192.0.2.64/26");
    block = cidr_around(&address, 200);
    assert_string_equal(cidr_text(&block, text), "192.0.2.77/32");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_exactly_the_addresses_of_a_block),
        cmocka_unit_test(refuses_bad_blocks_and_says_what_was_meant),
        cmocka_unit_test(makes_the_block_around_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
