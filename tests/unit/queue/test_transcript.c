/* A talk kept for the postmaster: bounded, printable, wrapped. */
#include "queue/transcript.h"
#include "unit.h"

static void collect(void *context, const char *line)
{
    struct buf *lines = context;

    buf_printf(lines, "%s\n", line);
}

static void write_notice(const struct transcript *transcript, const char *reason,
                         struct buf *ret)
{
    const struct conf conf = {.myhostname = "mx.test",
                              .mail_name = "Postfix",
                              .error_notice_recipient = "errors",
                              .bounce_notice_recipient = "bounces"};
    const struct transcript_notice notice = {.role = "SMTP server",
                                             .peer = "a[192.0.2.1]",
                                             .reason = reason,
                                             .classes = TROUBLE_PROTOCOL};

    buf_init(ret, TRANSCRIPT_MAX * 2);
    transcript_write(transcript, &conf, &notice, "ID", collect, ret);
}

static void a_talk_without_end_keeps_its_end(void **state)
{
    struct transcript transcript;
    struct buf text;

    (void)state;
    transcript_init(&transcript, false);
    for (int i = 0; i < 20000; i++) {
        char line[3000];

        memset(line, 'a' + i % 26, sizeof line);
        transcript_in(&transcript, str_from(line, (size_t)(i * 37 % 3000)));
        assert_true(transcript.text.n <= TRANSCRIPT_MAX);
    }
    transcript_out(&transcript, STR("the last line"));
    write_notice(&transcript, NULL, &text);
    assert_non_null(strstr(buf_text(&text), "follows.\n\n ...\n In:\n     "));
    assert_non_null(strstr(buf_text(&text), " Out: the last line\n\n\nFor other"));
    buf_done(&text);
    transcript_reset(&transcript);
    assert_false(transcript.cut);
    assert_int_equal(transcript.lines, 0);
    transcript_done(&transcript);
}

static void lines_are_wrapped_and_printable(void **state)
{
    static const char want[] =
        "\n"
        "Transcript of session follows.\n"
        "\n"
        " In:\n"
        " In:  a?b?c????\n"
        " Out: 250 ok\n"
        " In:  RCPT\n"
        "     TO:<xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxx>\n"
        "     next\n"
        "\n"
        "Session aborted, reason: timeout\n"
        "\n"
        "For other details, see the local mail logfile\n";
    struct transcript transcript;
    struct buf text;

    (void)state;
    transcript_init(&transcript, false);
    transcript_in(&transcript, STR(""));
    transcript_in(&transcript, STR("a\0b\nc\x7f\x1b\xc3\xa4"));
    transcript_out(&transcript, STR("250 ok"));
    transcript_in(&transcript,
                  STR("RCPT TO:<xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxx> next"));
    write_notice(&transcript, "timeout", &text);
    assert_string_equal(strstr(buf_text(&text), "\n\nTranscript") + 1, want);
    assert_non_null(strstr(buf_text(&text), "\nTo: Postmaster <errors>\n"));
    buf_done(&text);
    transcript_done(&transcript);
}

static void utf8_stays_when_it_is_enabled_and_valid(void **state)
{
    struct transcript transcript;

    (void)state;
    transcript_init(&transcript, true);
    transcript_in(&transcript, STR("\xc3\xa4"));
    transcript_in(&transcript, STR("\xe4 x"));
    assert_string_equal(buf_text(&transcript.text), "In:  \xc3\xa4\nIn:  ? x\n");
    transcript_done(&transcript);
}

static void classes_are_words(void **state)
{
    (void)state;
    assert_int_equal(trouble_classes("resource, Software 2bounce,delay foo"),
                     TROUBLE_RESOURCE | TROUBLE_SOFTWARE);
    assert_int_equal(trouble_classes(""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_talk_without_end_keeps_its_end),
        cmocka_unit_test(lines_are_wrapped_and_printable),
        cmocka_unit_test(utf8_stays_when_it_is_enabled_and_valid),
        cmocka_unit_test(classes_are_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
