#include "mail/encoded_word.h"

#include "unit.h"

static const struct {
    const char *text, *want;
} rows[] = {
    {"", "=?utf-8?Q?"
         "?="},
    {"J\xc3\xb6rg Schmidt", "=?utf-8?Q?J=C3=B6rg_Schmidt?="},
    {"a_b=c?d (e)", "=?utf-8?Q?a=5Fb=3Dc=3Fd_=28e=29?="},
    {"latin \xe4", "=?utf-8?Q?latin_=E4?="},
    {"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82"
     "\xac",
     "=?utf-8?Q?=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC?="},
    {"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82"
     "\xac\xe2\x82\xac",
     "=?utf-8?Q?=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC?=\n"
     " =?utf-8?Q?=E2=82=AC?="},
};

static void text_beyond_ascii_is_encoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct buf out;

        buf_init(&out, 1000);
        encoded_word_add(&out, "utf-8", str_of(rows[i].text));
        ROW_EQ(rows[i].text, buf_str(&out), rows[i].want);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(text_beyond_ascii_is_encoded)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
