/* dns/blocklist.c: filters, and the names that are asked for. */
#include "unit.h"

#include "dns/blocklist.h"

static const struct {
    const char *filter;
    int takes; /* 127.0.0.4 */
} filters[] = {
    {"", 1},
    {"127.0.0.4", 1},
    {"127.0.0.5", 0},
    {"127.0.0.[2..8]", 1},
    {"127.0.0.[2;6..8]", 0},
    {"127.0.[0;3].[1;3..4]", 1},
    {"[127].[0].[0].[4]", 1},
    {"127.0.0", -1},
    {"127.0.0.4.", -1},
    {"127.0.0.4 ", -1},
    {"127.0.0.[4", -1},
    {"127.0.0.[]", -1},
    {"127.0.0.[4;]", -1},
    {"127.0.0.[4;", -1},
    {"127.0.0.[8..2]", -1},
    {"127.0.0.256", -1},
    {"127.0.0.*", -1},
};

static void filters_say_which_answers_count(void **state)
{
    static const unsigned char address[4] = {127, 0, 0, 4};

    (void)state;
    for (size_t i = 0; i < ROWS(filters); i++)
        ROW_INT(filters[i].filter,
                blocklist_filter_takes(str_of(filters[i].filter), address),
                filters[i].takes);
}

static const struct {
    const char *address, *reversed;
} names[] = {
    {"192.0.2.1", "1.2.0.192"},
    {"255.255.255.255", "255.255.255.255"},
    {"2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"},
};

static void addresses_are_asked_for_backwards(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(names); i++) {
        struct netaddr address;
        char text[BLOCKLIST_REVERSED];

        assert_true(netaddr_parse(str_of(names[i].address), &address));
        blocklist_reverse(&address, text);
        ROW_TEXT(names[i].address, text, names[i].reversed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_say_which_answers_count),
        cmocka_unit_test(addresses_are_asked_for_backwards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
