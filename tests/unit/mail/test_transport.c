#include "unit.h"

#include "mail/transport.h"

static const struct {
    const char *text, *transport, *nexthop;
    bool has_colon;
} rows[] = {
    {"smtp:example.com", "smtp", "example.com", true},
    {"smtp:[host]:25", "smtp", "[host]:25", true},
    {"lmtp:unix:/path", "lmtp", "unix:/path", true},
    {"smtp", "smtp", "", false},
    {"smtp:", "smtp", "", true},
    {":host", "", "host", true},
    {":", "", "", true},
    {"", "", "", false},
    {" error : 5.1.1 gone ", "error", "5.1.1 gone", true},
};

static void splits_at_the_first_colon(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct transport_route got = transport_split(str_of(rows[i].text));
        ROW_EQ(rows[i].text, got.transport, rows[i].transport);
        ROW_EQ(rows[i].text, got.nexthop, rows[i].nexthop);
        ROW_INT(rows[i].text, got.has_colon, rows[i].has_colon);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(splits_at_the_first_colon)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
