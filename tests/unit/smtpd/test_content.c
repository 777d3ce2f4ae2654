/* smtpd/content.c: where data ends, and what reaches the queue file. */
#include "unit.h"

#include "queue/record.h"
#include "smtpd/content.h"

struct output {
    struct buf text;
};

/* Records as text: a chunk as it is, a line with "|" for its line end. */
static void collect(void *context, int type, struct str data)
{
    struct output *output = context;

    buf_add_str(&output->text, data);
    if (type == RECORD_LINE)
        buf_add_char(&output->text, '|');
}

static struct content read_content(const char *input, enum bare_newline policy,
                                   long long limit, struct output *output,
                                   size_t *ret_rest)
{
    struct stream *stream = stream_memory(str_of(input));
    struct content_rules rules = {.line_max = 16,
                                  .limit = limit,
                                  .bare_newline = policy,
                                  .record = collect,
                                  .context = output};
    struct content content;

    buf_init(&output->text, 100000);
    content = content_read(stream, &rules);
    *ret_rest = stream_buffered(stream).n;
    stream_free(stream);
    return content;
}

static const struct {
    const char *input;
    enum bare_newline policy;
    enum stream_result result;
    const char *lines;
    const char *rest; /* what stays for the next command */
} rows[] = {
    {"a\r\nb\r\n.\r\n", BARE_NEWLINE_NORMALIZE, STREAM_OK, "a|b|", ""},
    {".\r\nQUIT\r\n", BARE_NEWLINE_NORMALIZE, STREAM_OK, "", "QUIT\r\n"},
    {"..\r\n.x\r\n...\r\n.\r\n", BARE_NEWLINE_NORMALIZE, STREAM_OK, ".|x|..|", ""},
    {"a\r\n", BARE_NEWLINE_NORMALIZE, STREAM_EOF, "a|", ""},
    {"a\r\n.", BARE_NEWLINE_NORMALIZE, STREAM_EOF, "a|", ""},
    /* smuggling: none of these ends the data for a stranger */
    {"a\n.\nMAIL\r\n.\r\n", BARE_NEWLINE_NORMALIZE, STREAM_OK, "a|MAIL|", ""},
    {"a\n.\r\nMAIL\r\n.\r\n", BARE_NEWLINE_NORMALIZE, STREAM_OK, "a|MAIL|", ""},
    {"a\r\n.\nMAIL\r\n.\r\n", BARE_NEWLINE_NORMALIZE, STREAM_OK, "a|MAIL|", ""},
    {"a\r\n.\rMAIL\r\n.\r\n", BARE_NEWLINE_NORMALIZE, STREAM_OK, "a|\rMAIL|", ""},
    {"a\r\n\0.\r\n.\r\n", BARE_NEWLINE_NORMALIZE, STREAM_EOF, "a|", ""},
    {"a\n..\r\nb\r\n.\r\n", BARE_NEWLINE_NORMALIZE, STREAM_OK, "a|.|b|", ""},
    /* trusted clients may use bare LF throughout */
    {"a\n.\nMAIL\r\n", BARE_NEWLINE_ALLOW, STREAM_OK, "a|", "MAIL\r\n"},
    {"a\n.\nMAIL\r\n", BARE_NEWLINE_NOTE, STREAM_OK, "a|", "MAIL\r\n"},
    /* lines longer than one record */
    {"0123456789abcdefXY\r\n.\r\n", BARE_NEWLINE_NORMALIZE, STREAM_OK,
     "0123456789abcdefXY|", ""},
    {"0123456789abcdef.\r\n.\r\n", BARE_NEWLINE_NORMALIZE, STREAM_OK,
     "0123456789abcdef.|", ""},
    /* content that is no header at its start */
    {"From me\r\n.\r\n", BARE_NEWLINE_NORMALIZE, STREAM_OK, "X-Mailbox-Line: From me|",
     ""},
    {">From me\r\n.\r\n", BARE_NEWLINE_NORMALIZE, STREAM_OK, "X-Mailbox-Line: >From me|",
     ""},
    {" x\r\n.\r\n", BARE_NEWLINE_NORMALIZE, STREAM_OK, "| x|", ""},
};

static void data_ends_only_at_a_dot_between_crlf(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct output output;
        size_t rest;
        struct content content =
            read_content(rows[i].input, rows[i].policy, 0, &output, &rest);

        ROW_INT(rows[i].input, content.result, rows[i].result);
        ROW_TEXT(rows[i].input, buf_text(&output.text) ? buf_text(&output.text) : "",
                 rows[i].lines);
        if (rows[i].result == STREAM_OK)
            ROW_INT(rows[i].input, rest, strlen(rows[i].rest));
        buf_done(&output.text);
    }
}

static void too_much_data_is_read_and_dropped(void **state)
{
    struct output output;
    size_t rest;
    struct content content = read_content("1234567\r\n1234567\r\n1234567\r\n.\r\n",
                                          BARE_NEWLINE_NORMALIZE, 20, &output, &rest);

    (void)state;
    assert_int_equal(content.result, STREAM_OK);
    assert_true(content.too_big);
    assert_int_equal(content.bytes, 27);
    assert_string_equal(buf_text(&output.text), "1234567|1234567|");
    buf_done(&output.text);
}

static void bare_lf_is_reported_under_reject(void **state)
{
    struct output output;
    size_t rest;
    struct content content =
        read_content("a\r\nb\nc\r\n.\r\n", BARE_NEWLINE_REJECT, 0, &output, &rest);

    (void)state;
    assert_int_equal(content.result, STREAM_OK);
    assert_true(content.bare_lf);
    assert_string_equal(buf_text(&output.text), "a|");
    buf_done(&output.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_ends_only_at_a_dot_between_crlf),
        cmocka_unit_test(too_much_data_is_read_and_dropped),
        cmocka_unit_test(bare_lf_is_reported_under_reject),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
