/* mail/byte_filter.c: which bytes may come through. */
#include "unit.h"

#include "mail/byte_filter.h"

static const struct {
    const char *filter, *good, *bad;
} rows[] = {
    {"", "", "a \\"},
    {"abc", "abc", "d\\"},
    {"\\t\\40x", "\t x", "\\t40"},
    {"\\\\\\n", "\\\n", "n"},
    {"\\101\\0632", "A32", "\\01"},
    {"a\\", "a\\", "b"},
    {"\\q", "q", "\\"},
};

static void a_filter_may_have_escapes_of_c(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        bool bytes[256];

        byte_filter_read(rows[i].filter, bytes);
        for (const char *p = rows[i].good; *p; p++)
            ROW_INT(rows[i].filter, bytes[(unsigned char)*p], true);
        for (const char *p = rows[i].bad; *p; p++)
            ROW_INT(rows[i].filter, bytes[(unsigned char)*p], false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filter_may_have_escapes_of_c),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
