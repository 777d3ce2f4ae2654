#include "unit.h"

#include "client/reply.h"

#include <stdlib.h>

static const struct {
    const char *input;
    int code;
    const char *status, *text;
} rows[] = {
    {"250 2.1.0 Ok\r\n", 250, "2.1.0", "250 2.1.0 Ok"},
    {"250 Ok\r\n", 250, "2.0.0", "250 Ok"},
    {"250\r\n", 250, "2.0.0", "250"},
    {"354 go on\n", 354, "5.5.0", "354 go on"},
    {"550-5.1.1 no\r\n550 5.1.1 such user\r\n", 550, "5.1.1",
     "550-5.1.1 no\n550 5.1.1 such user"},
    {"450 5.7.1 class differs\r\n", 450, "4.0.0", "450 5.7.1 class differs"},
    {"550 5.7.1\r\n", 550, "5.7.1", "550 5.7.1"},
    {"hello there\r\n550 5.1.1 no\r\n", 550, "5.1.1", "hello there\n550 5.1.1 no"},
    {"2500 too long\r\n250 ok\r\n", 250, "2.0.0", "2500 too long\n250 ok"},
    {"650 no such class\r\n", 0, "5.5.0", "650 no such class"},
    {"150 wait\r\n", 0, "5.5.0", "150 wait"},
    {"\r\n250 ok\r\n", 250, "2.0.0", "250 ok"},
    {"250 a\tb\x01\x1b[31m\x7f \xe9 \xc3\xa9\r\n", 250, "2.0.0",
     "250 a?b??[31m? ? \xc3\xa9"},
    {"250-one\r\nnonsense\r\n250 two\r\n", 250, "2.0.0", "250-one\nnonsense\n250 two"},
    {"450-4.7.1 first\r\n550 then\r\n", 550, "5.0.0", "450-4.7.1 first\n550 then"},
};

static void reads_codes_status_and_text(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct stream *stream = stream_memory(str_of(rows[i].input));
        struct reply reply;

        ROW_INT(rows[i].input, reply_read(stream, arena, NULL, &reply), STREAM_OK);
        ROW_INT(rows[i].input, reply.code, rows[i].code);
        ROW_TEXT(rows[i].input, reply.status, rows[i].status);
        ROW_TEXT(rows[i].input, reply.text, rows[i].text);
        stream_free(stream);
    }
    arena_free(arena);
}

static void one_line_for_logs(void **state)
{
    struct arena *arena = arena_new("test");
    struct reply reply = {.text = "550-a\n550 b"};

    (void)state;
    assert_string_equal(reply_line(&reply, arena), "550-a 550 b");
    arena_free(arena);
}

static void an_unfinished_reply_is_a_lost_connection(void **state)
{
    struct stream *stream = stream_memory(STR("250-one\r\n250-two\r\n"));
    struct arena *arena = arena_new("test");
    struct reply reply;

    (void)state;
    assert_int_equal(reply_read(stream, arena, NULL, &reply), STREAM_EOF);
    stream_free(stream);
    arena_free(arena);
}

/* n bytes of text before "\r\n250 end\r\n" */
static struct reply read_long_line(size_t n, struct arena *arena)
{
    char *input = malloc(n + 64);
    struct stream *stream;
    struct reply reply = {0};
    size_t at = (size_t)sprintf(input, "250-");

    memset(input + at, 'x', n);
    at += n;
    at += (size_t)sprintf(input + at, "\r\n250 end\r\n");
    stream = stream_memory(str_from(input, at));
    assert_int_equal(reply_read(stream, arena, NULL, &reply), STREAM_OK);
    stream_free(stream);
    free(input);
    return reply;
}

static void over_long_lines_are_cut_not_taken_for_more_lines(void **state)
{
    struct arena *arena = arena_new("test");
    struct reply reply = read_long_line(5000, arena);

    (void)state;
    assert_int_equal(reply.code, 250);
    assert_int_equal(strlen(reply.text), REPLY_LINE_MAX + strlen("\n250 end"));
    assert_non_null(strstr(reply.text, "\n250 end"));
    arena_free(arena);
}

static void endless_replies_come_to_an_end(void **state)
{
    struct buf input;
    struct stream *stream;
    struct arena *arena = arena_new("test");
    struct reply reply;

    (void)state;
    buf_init(&input, 1 << 20);
    while (input.n < 300 * 1024)
        buf_add_text(&input, "250-and so on and so on\r\n");
    buf_add_text(&input, "250 end\r\n");
    stream = stream_memory(buf_str(&input));
    assert_int_equal(reply_read(stream, arena, NULL, &reply), STREAM_TOO_LONG);
    stream_free(stream);
    buf_done(&input);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_codes_status_and_text),
        cmocka_unit_test(one_line_for_logs),
        cmocka_unit_test(an_unfinished_reply_is_a_lost_connection),
        cmocka_unit_test(over_long_lines_are_cut_not_taken_for_more_lines),
        cmocka_unit_test(endless_replies_come_to_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
