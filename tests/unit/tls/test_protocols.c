#include "unit.h"

#include "tls/protocols.h"

enum { S3 = 1, V10 = 2, V11 = 4, V12 = 8, V13 = 16 };

static const struct {
    const char *list;
    int least, most;
    unsigned excluded;
} lists[] = {
    {"", 0, 0, 0},
    {">=TLSv1", TLS_1_0, 0, 0},
    {">=TLSv1.2", TLS_1_2, 0, 0},
    {">=tlsv1.2, <=TLSv1.3", TLS_1_2, TLS_1_3, 0},
    {">=0303", TLS_1_2, 0, 0},
    {">=0x0303 <=304", TLS_1_2, TLS_1_3, 0},
    {"!SSLv2, !SSLv3", 0, 0, S3},
    {"!SSLv2:!SSLv3:!TLSv1:!TLSv1.1", 0, 0, S3 | V10 | V11},
    {"TLSv1.2", 0, 0, S3 | V10 | V11 | V13},
    {"TLSv1.3, TLSv1.2", 0, 0, S3 | V10 | V11},
    {">=TLSv1, !TLSv1.1", TLS_1_0, 0, V11},
    {"SSLv2 TLSv1.0", 0, 0, S3 | V11 | V12 | V13},
};

static const char *const refused[] = {
    "foo",     ">=foo",
    "!foo",    "TLSv1, !TLSv1",
    "SSLv2",   ">=TLSv1.3 <=TLSv1.2",
    "<=SSLv2", "!TLSv1.2 TLSv1.2",
    ">=",      "!",
    "=>TLSv1", "0x",
    "TLSv1.4", "!0305",
    "12345",   "!SSLv3 !TLSv1 !TLSv1.1 !TLSv1.2 !TLSv1.3",
};

static void lists_say_what_may_be_used(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(lists); i++) {
        struct tls_protocols p;
        struct fail why;

        if (tls_protocols_parse(str_of(lists[i].list), &p, &why) < 0)
            fail_msg("%s: %s", lists[i].list, why.text);
        ROW_INT(lists[i].list, p.least, lists[i].least);
        ROW_INT(lists[i].list, p.most, lists[i].most);
        ROW_INT(lists[i].list, p.excluded, lists[i].excluded);
    }
}

static void what_leaves_nothing_or_is_unknown_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(refused); i++) {
        struct tls_protocols p = {.least = 7};
        struct fail why;

        if (tls_protocols_parse(str_of(refused[i]), &p, &why) == 0)
            fail_msg("taken: %s", refused[i]);
        ROW_INT(refused[i], p.least, 7);
        assert_non_null(strstr(why.text, "version of TLS"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_say_what_may_be_used),
        cmocka_unit_test(what_leaves_nothing_or_is_unknown_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
