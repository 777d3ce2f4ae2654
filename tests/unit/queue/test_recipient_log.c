#include "unit.h"

#include "queue/recipient_log.h"

static const struct recipient_log_entry full = {
    .recipient = "joe@x.test",
    .original = "list@x.test",
    .offset = 176,
    .dsn_orig_rcpt = "rfc822;list@x.test",
    .notify = 4,
    .status = "4.4.1",
    .action = "delayed",
    .diag_type = "smtp",
    .diag_text = "450 4.4.1 later",
    .mta_type = "dns",
    .mta_name = "mx.x.test",
    .reason = "connect to mx.x.test: refused",
};

static void an_entry_is_written_as_the_format_says(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 10000);
    recipient_log_format(&b, &full, true);
    ROW_TEXT(
        "full", buf_text(&b),
        "\n<joe@x.test>: connect to mx.x.test: refused\nrecipient=joe@x.test\n"
        "original_recipient=list@x.test\noffset=176\ndsn_orig_rcpt=rfc822;list@x.test\n"
        "notify_flags=4\nstatus=4.4.1\naction=delayed\ndiag_type=smtp\n"
        "diag_text=450 4.4.1 later\nmta_type=dns\nmta_mname=mx.x.test\n"
        "reason=connect to mx.x.test: refused\n\n");
    buf_reset(&b);
    recipient_log_format(&b,
                         &(struct recipient_log_entry){.recipient = "",
                                                       .status = "5.0.0",
                                                       .action = "failed",
                                                       .diag_type = "smtp",
                                                       .reason = "two\nlines"},
                         false);
    ROW_TEXT("null recipient", buf_text(&b),
             "\nrecipient=<>\nstatus=5.0.0\naction=failed\nreason=two lines\n\n");
    buf_done(&b);
}

static void entries_are_read_back(void **state)
{
    struct arena *arena = arena_new("test");
    struct recipient_log_entry got;
    struct str rest;
    struct buf b;

    (void)state;
    buf_init(&b, 10000);
    recipient_log_format(&b, &full, true);
    recipient_log_format(
        &b, &(struct recipient_log_entry){.recipient = "", .reason = "r"}, false);
    rest = buf_str(&b);
    assert_true(recipient_log_next(&rest, "4.0.0", "delayed", arena, &got));
    ROW_TEXT("recipient", got.recipient, full.recipient);
    ROW_TEXT("original", got.original, full.original);
    ROW_INT("offset", got.offset, full.offset);
    ROW_TEXT("orcpt", got.dsn_orig_rcpt, full.dsn_orig_rcpt);
    ROW_INT("notify", got.notify, full.notify);
    ROW_TEXT("status", got.status, full.status);
    ROW_TEXT("action", got.action, full.action);
    ROW_TEXT("diag_type", got.diag_type, full.diag_type);
    ROW_TEXT("diag_text", got.diag_text, full.diag_text);
    ROW_TEXT("mta_type", got.mta_type, full.mta_type);
    ROW_TEXT("mta_name", got.mta_name, full.mta_name);
    ROW_TEXT("reason", got.reason, full.reason);
    assert_true(recipient_log_next(&rest, "4.0.0", "delayed", arena, &got));
    ROW_TEXT("null", got.recipient, "");
    ROW_TEXT("default status", got.status, "4.0.0");
    ROW_TEXT("default action", got.action, "delayed");
    ROW_TEXT("not there", got.original, "");
    assert_false(recipient_log_next(&rest, "4.0.0", "delayed", arena, &got));
    buf_done(&b);
    arena_free(arena);
}

static const struct {
    const char *name, *text, *recipient, *reason;
} odd[] = {
    {"old style only", "\n<a@b>: some reason\n\n", "a@b", "some reason"},
    {"cut by a crash", "recipient=a@b\nreason=half a rea", "a@b", "half a rea"},
    {"old style with >: in the address", "<\"a>:\"@b>: why", "\"a>:\"@b", "why"},
    {"nonsense first", "garbage\nstatus=1.2.3\n\nrecipient=a@b\n", "a@b", ""},
    {"CRLF", "recipient=a@b\r\nreason=x\r\n\r\n", "a@b", "x"},
    {"nothing", "", NULL, NULL},
    {"only blank lines", "\n\n\n", NULL, NULL},
    {"only nonsense", "<a\n=\nfoo\n", NULL, NULL},
    {"offset is no number", "recipient=a@b\noffset=x\n", "a@b", ""},
};

static void odd_logs_are_read_as_far_as_they_make_sense(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(odd); i++) {
        struct arena *arena = arena_new("test");
        struct recipient_log_entry got;
        struct str rest = str_of(odd[i].text);
        bool found = recipient_log_next(&rest, "5.0.0", "failed", arena, &got);

        ROW_INT(odd[i].name, found, odd[i].recipient != NULL);
        if (found) {
            ROW_TEXT(odd[i].name, got.recipient, odd[i].recipient);
            ROW_TEXT(odd[i].name, got.reason, odd[i].reason);
            assert_false(recipient_log_next(&rest, "5.0.0", "failed", arena, &got));
        }
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_written_as_the_format_says),
        cmocka_unit_test(entries_are_read_back),
        cmocka_unit_test(odd_logs_are_read_as_far_as_they_make_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
