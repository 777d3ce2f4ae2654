#include "unit.h"

#include "mail/extension.h"

static const struct {
    const char *local_part, *delimiters, *user, *extension;
} splits[] = {
    {"joe", "+", "joe", ""},
    {"joe+lists", "+", "joe", "lists"},
    {"joe-lists+2024", "+-", "joe", "lists+2024"},
    {"joe+a+b", "+", "joe", "a+b"},
    {"joe+", "+", "joe", ""},
    {"+joe+x", "+", "+joe+x", ""},
    {"+", "+", "+", ""},
    {"", "+", "", ""},
    {"joe+lists", "", "joe+lists", ""},
    {"Double-Bounce", "-", "Double-Bounce", ""},
    {"MAILER-DAEMON", "-", "MAILER-DAEMON", ""},
    {"postmaster", "m", "postmaster", ""},
    {"owner-list", "-", "owner-list", ""},
    {"list-request", "-", "list-request", ""},
    {"list-request", "+", "list-request", ""},
    {"owner-list+x", "+", "owner-list", "x"},
    {"owner-list+x", "+-", "owner-list+x", ""},
};

static void splits_at_first_delimiter(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(splits); i++) {
        struct extension got = extension_split(str_of(splits[i].local_part),
                                               splits[i].delimiters, "double-bounce");
        ROW_EQ(splits[i].local_part, got.user, splits[i].user);
        ROW_EQ(splits[i].local_part, got.extension, splits[i].extension);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(splits_at_first_delimiter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
