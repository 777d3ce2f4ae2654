#include "mail/quoted_printable.h"

#include "unit.h"

static void show(void *context, struct str line)
{
    struct buf *out = context;

    buf_add_str(out, line);
    buf_add_char(out, '\n');
}

#define A10 "aaaaaaaaaa"
#define A70 A10 A10 A10 A10 A10 A10 A10

static const struct {
    const char *pieces[4]; /* the last one ends the line */
    const char *want;
} rows[] = {
    {{""}, ""},
    {{"plain text."}, "plain text."},
    {{"a=b"}, "a=3Db"},
    {{"caf\xc3\xa9"}, "caf=C3=A9"},
    {{"tab\there"}, "tab\there"},
    {{"bell\a"}, "bell=07"},
    {{"end \t"}, "end =09"},
    {{"end ", ""}, "end=20"},
    {{"more ", "text"}, "more text"},
    {{A70 "123456"}, A70 "12345=\n6"},
    {{A70 "12345"}, A70 "12345"},
    {{A70 "12", "3\xe4"}, A70 "123=\n=E4"},
    {{A70 "1", "\xe4\xe4"}, A70 "1=E4=\n=E4"},
    {{A70 "12 ", ""}, A70 "12=20"},
    {{A70 "1234 ", ""}, A70 "1234=\n=20"},
};

static void lines_are_encoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct buf line, out;

        buf_init(&line, 80);
        buf_init(&out, 1000);
        for (size_t k = 0; k < 4 && rows[i].pieces[k]; k++)
            quoted_printable_add(&line, str_of(rows[i].pieces[k]),
                                 k == 3 || !rows[i].pieces[k + 1], show, &out);
        buf_add_str(&out, buf_str(&line));
        ROW_EQ(rows[i].pieces[0], buf_str(&out), rows[i].want);
        buf_done(&line);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines_are_encoded)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
