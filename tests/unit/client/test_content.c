#include "unit.h"

#include "client/content.h"

struct piece {
    const char *text;
    bool ends;
};

static const struct {
    const char *what;
    int limit;
    struct piece pieces[4];
    const char *out;
} rows[] = {
    {"plain lines", 998, {{"one", true}, {"two", true}}, "one\r\ntwo\r\n.\r\n"},
    {"nothing at all", 998, {{NULL, false}}, ".\r\n"},
    {"an empty line", 998, {{"", true}}, "\r\n.\r\n"},
    {"dots at line starts",
     998,
     {{".", true}, {"..x", true}, {"a.", true}},
     "..\r\n...x\r\na.\r\n.\r\n"},
    {"a line in pieces", 998, {{"ab", false}, {".c", true}}, "ab.c\r\n.\r\n"},
    {"no line end at the end", 998, {{"abc", false}}, "abc\r\n.\r\n"},
    {"an over-long line", 4, {{"abcdefghij", true}}, "abcd\r\n efg\r\n hij\r\n.\r\n"},
    {"just as long as may be", 4, {{"abcd", true}, {"e", true}}, "abcd\r\ne\r\n.\r\n"},
    {"over-long in pieces", 4, {{"abc", false}, {"def", true}}, "abcd\r\n ef\r\n.\r\n"},
    {"dots behind a break", 4, {{"abcd....", true}}, "abcd\r\n ...\r\n .\r\n.\r\n"},
    {"no limit", 0, {{"abcdefghijklmnop", true}}, "abcdefghijklmnop\r\n.\r\n"},
    {"a hidden end of data",
     998,
     {{"a\n.\nMAIL FROM:<x>", true}},
     "a . MAIL FROM:<x>\r\n.\r\n"},
};

static void content_can_never_end_the_data_early(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct stream *stream = stream_memory(STR(""));
        struct content content;

        content_init(&content, stream, rows[i].limit);
        for (size_t k = 0; k < 4 && rows[i].pieces[k].text != NULL; k++)
            content_line(&content, str_of(rows[i].pieces[k].text),
                         rows[i].pieces[k].ends);
        content_end(&content);
        assert_int_equal(stream_flush(stream), STREAM_OK);
        ROW_EQ(rows[i].what, stream_memory_output(stream), rows[i].out);
        stream_free(stream);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_can_never_end_the_data_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
