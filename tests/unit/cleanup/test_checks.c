/* What header_checks and body_checks do to a message. */
#include "cleanup/stage.h"

/* A pattern table with every action, X-<name>: ... -> action. */
static const char checks[] = "pcre:{"
                             "{/^X-Reject:/ REJECT no such thing} "
                             "{/^X-Reject2:/ REJECT 5.7.9 other} "
                             "{/^X-Reject3:/ REJECT} "
                             "{/^X-Wait:/ REJECT 4.7.2 wait} "
                             "{/^X-Discard:/ DISCARD why} "
                             "{/^X-Hold:/ HOLD why} "
                             "{/^X-Warn:/ WARN why} "
                             "{/^X-Info:/ INFO} "
                             "{/^X-Ignore:/ IGNORE} "
                             "{/^X-Strip:/ STRIP gone} "
                             "{/^X-Replace: (.*)/ REPLACE X-New: $$1} "
                             "{/^X-Address:/ REPLACE To: joe, jim} "
                             "{/^X-BadReplace:/ REPLACE foo bar} "
                             "{/^X-Prepend:/ PREPEND X-Before: 1} "
                             "{/^X-Redirect:/ REDIRECT re@x.test} "
                             "{/^X-BadRedirect:/ REDIRECT re} "
                             "{/^X-Filter:/ FILTER smtp:[f.test]} "
                             "{/^X-BadFilter:/ FILTER smtp} "
                             "{/^X-Bcc:/ BCC b@x.test} "
                             "{/^X-Dunno:/ DUNNO} "
                             "{/^X-Ok:/ OK yes} "
                             "{/^X-Pass:/ PASS} "
                             "{/^X-Odd:/ FOO bar} "
                             "}";

#define CONTEXT "from a[1.2.3.4]; from=<s@x.test> to=<r@x.test> proto=ESMTP helo=<h>"

static const struct {
    const char *header;
    enum submit_status status;
    const char *reason;
    const char
        *want;       /* content and extracted records, without what is the same for all */
    const char *log; /* lines, "ID" for the queue id */
} rows[] = {
    {"X-Reject: 1", SUBMIT_REJECTED, "5.7.1 no such thing", "",
     "ID: reject: header X-Reject: 1 " CONTEXT ": 5.7.1 no such thing\n"},
    {"X-Reject2: 1", SUBMIT_REJECTED, "5.7.9 other", "",
     "ID: reject: header X-Reject2: 1 " CONTEXT ": 5.7.9 other\n"},
    {"X-Reject3: 1", SUBMIT_REJECTED, "5.7.1 message content rejected", "",
     "ID: reject: header X-Reject3: 1 " CONTEXT ": 5.7.1 message content rejected\n"},
    {"X-Wait: 1", SUBMIT_TRY_AGAIN, "4.7.2 wait", "",
     "ID: reject: header X-Wait: 1 " CONTEXT ": 4.7.2 wait\n"},
    {"X-Discard: 1", SUBMIT_OK, "", "",
     "ID: discard: header X-Discard: 1 " CONTEXT ": why\n"},
    {"X-Hold: 1", SUBMIT_OK, "", "hold N X-Hold: 1,",
     "ID: hold: header X-Hold: 1 " CONTEXT ": why\n"},
    {"X-Warn: 1", SUBMIT_OK, "", "N X-Warn: 1,",
     "ID: warning: header X-Warn: 1 " CONTEXT ": why\n"},
    {"X-Info: 1", SUBMIT_OK, "", "N X-Info: 1,",
     "ID: info: header X-Info: 1 " CONTEXT "\n"},
    {"X-Ignore: 1", SUBMIT_OK, "", "", ""},
    {"X-Strip: 1", SUBMIT_OK, "", "", "ID: strip: header X-Strip: 1 " CONTEXT ": gone\n"},
    {"X-Replace: 1", SUBMIT_OK, "", "N X-New: 1,",
     "ID: replace: header X-Replace: 1 " CONTEXT ": X-New: 1\n"},
    {"X-Address: 1", SUBMIT_OK, "", "N To: joe@example.com, jim@example.com,",
     "ID: replace: header X-Address: 1 " CONTEXT ": To: joe, jim\n"},
    {"X-BadReplace: 1", SUBMIT_OK, "", "N X-BadReplace: 1,",
     "warning: bad REPLACE header text \"foo bar\" in header_checks map -- need "
     "\"headername: headervalue\"\n"},
    {"X-Prepend: 1", SUBMIT_OK, "", "N X-Before: 1,N X-Prepend: 1,",
     "ID: prepend: header X-Prepend: 1 " CONTEXT ": X-Before: 1\n"},
    {"X-Redirect: 1", SUBMIT_OK, "", "N X-Redirect: 1,> re@x.test,",
     "ID: redirect: header X-Redirect: 1 " CONTEXT ": re@x.test\n"},
    {"X-BadRedirect: 1", SUBMIT_OK, "", "N X-BadRedirect: 1,",
     "warning: bad REDIRECT target \"re\" in header_checks map -- need user@domain\n"},
    {"X-Filter: 1", SUBMIT_OK, "", "N X-Filter: 1,L smtp:[f.test],",
     "ID: filter: header X-Filter: 1 " CONTEXT ": smtp:[f.test]\n"},
    {"X-BadFilter: 1", SUBMIT_OK, "", "N X-BadFilter: 1,",
     "warning: bad FILTER command smtp in header_checks -- need transport:destination\n"},
    {"X-Bcc: 1", SUBMIT_OK, "", "N X-Bcc: 1,A notify_flags=1,O b@x.test,R b@x.test,",
     "ID: bcc: header X-Bcc: 1 " CONTEXT ": b@x.test\n"},
    {"X-Dunno: 1", SUBMIT_OK, "", "N X-Dunno: 1,", ""},
    {"X-Ok: 1", SUBMIT_OK, "", "N X-Ok: 1,", ""},
    {"X-Odd: 1", SUBMIT_OK, "", "N X-Odd: 1,",
     "warning: unknown command in header_checks map: FOO bar\n"},
    {"X-None: 1", SUBMIT_OK, "", "N X-None: 1,", ""},
};

#define ENVELOPE                                                                         \
    "T 1700000000 5", "A rewrite_context=local", "S s@x.test",                           \
        "A log_message_origin=a[1.2.3.4]", "A log_protocol_name=ESMTP",                  \
        "A log_helo_name=h", "R r@x.test", "M "

static void add_line(struct buf *out, struct str line)
{
    buf_add_str(out, line);
    buf_add_char(out, ',');
}

/* The records behind M that the test does not send or expect in each message. */
static void show_content(struct stage *s, struct buf *out)
{
    static const char *const same[] = {"N Message-Id: ", "N Date: ", "N From: ", "N b",
                                       "N \n",           "X ",       "E "};
    struct str rest = buf_str(&s->file), line;
    bool content = false;

    while (rest.n) {
        bool show = content;

        line = str_until(&rest, '\n');
        if (line.p[0] == 'M')
            content = true;
        if (str_is(line, "N "))
            show = false;
        for (size_t i = 0; i < ROWS(same); i++)
            if (str_starts(line, same[i]))
                show = false;
        if (show)
            add_line(out, line);
    }
}

/* Log lines with the queue id as "ID", without those about message ids. */
static void show_log(struct stage *s, struct buf *out)
{
    struct str rest = buf_str(&s->log), line;

    while (rest.n) {
        struct str after;

        line = str_until(&rest, '\n');
        after = str_tail(line, str_find(line, ':'));
        if (str_starts(after, ": message-id="))
            continue;
        if (str_starts(line, "warning: "))
            buf_add_str(out, line);
        else
            buf_printf(out, "ID%.*s", STR_ARG(after));
        buf_add_char(out, '\n');
    }
}

static void each_action_does_its_work(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *records[] = {ENVELOPE, NULL, "N ", "N b", "X ", "E ", NULL};
        struct stage s;
        struct buf content, log;

        stage_set(&s);
        buf_init(&content, 1 << 20);
        buf_init(&log, 1 << 20);
        buf_add_text(&log, "");
        buf_add_text(&content, "");
        records[8] = arena_printf(s.arena, "N %s", rows[i].header);
        stage_setting(&s, "header_checks", checks);
        stage_start(&s);
        stage_send(&s, SUBMIT_MAP | SUBMIT_FILTER, records);
        if (s.done.status != rows[i].status)
            fail_msg("%s: status %lld, log %s", rows[i].header, s.done.status,
                     buf_text(&s.log));
        ROW_TEXT(rows[i].header, s.done.reason, rows[i].reason);
        if (files_in("hold")) {
            buf_add_text(&content, "hold ");
            stage_read(&s, "hold");
        } else if (files_in("incoming")) {
            stage_read(&s, "incoming");
        }
        show_content(&s, &content);
        show_log(&s, &log);
        ROW_TEXT(rows[i].header, buf_text(&content), rows[i].want);
        ROW_TEXT(rows[i].header, buf_text(&log), rows[i].log);
        buf_done(&content);
        buf_done(&log);
        stage_strike(&s);
    }
}

static const struct {
    const char *name, *parameter, *value;
    const char *line;
    bool met;
} places[] = {
    {"header of the message", "header_checks", "static:STRIP", "N Subject: x", true},
    {"MIME header", "mime_header_checks", "static:STRIP", "N MIME-Version: 1.0", true},
    {"MIME header is none", "mime_header_checks", "static:STRIP", "N Subject: x", false},
    {"nested", "nested_header_checks", "static:STRIP", "N Subject: inside", true},
    {"nested only", "nested_header_checks", "static:STRIP", "N Subject: x", false},
    {"body", "body_checks", "static:STRIP", "N text", true},
    {"header is no body", "body_checks", "static:STRIP", "N Subject: x", false},
    {"generated header", "header_checks", "static:STRIP", "N From: s@x.test", false},
};

static void each_table_sees_its_part(void **state)
{
    static const char *const records[] = {ENVELOPE,
                                          "N Subject: x",
                                          "N MIME-Version: 1.0",
                                          "N Content-Type: message/rfc822",
                                          "N ",
                                          "N Subject: inside",
                                          "N ",
                                          "N text",
                                          "X ",
                                          "E ",
                                          NULL};
    (void)state;
    for (size_t i = 0; i < ROWS(places); i++) {
        struct stage s;
        const char *line;

        stage_set(&s);
        stage_setting(&s, "header_checks", "");
        stage_setting(&s, places[i].parameter, places[i].value);
        stage_start(&s);
        stage_send(&s, SUBMIT_MAP | SUBMIT_FILTER, records);
        stage_read(&s, "incoming");
        line = arena_printf(s.arena, "\n%s\n", places[i].line);
        ROW_INT(places[i].name, strstr(buf_text(&s.file), line) == NULL, places[i].met);
        stage_strike(&s);
    }
}

static void mail_of_our_own_is_not_checked(void **state)
{
    static const char *const records[] = {ENVELOPE, "N X-Reject: 1", "N ", "X ", "E ",
                                          NULL};
    struct stage s;

    (void)state;
    stage_set(&s);
    stage_setting(&s, "header_checks", checks);
    stage_start(&s);
    stage_send(&s, SUBMIT_MAP, records);
    assert_int_equal(s.done.status, SUBMIT_OK);
    stage_strike(&s);
}

static void only_the_start_of_a_body_is_checked(void **state)
{
    static const char *const records[] = {ENVELOPE,  "N ", "N 12345", "N 12345",
                                          "N 12345", "X ", "E ",      NULL};
    struct stage s;

    (void)state;
    stage_set(&s);
    stage_setting(&s, "body_checks", "static:WARN");
    stage_setting(&s, "body_checks_size_limit", "8");
    stage_start(&s);
    stage_send(&s, SUBMIT_MAP | SUBMIT_FILTER, records);
    stage_read(&s, "incoming");
    assert_non_null(strstr(buf_text(&s.log), "body 12345"));
    assert_null(
        strstr(strstr(strstr(buf_text(&s.log), "body 12345") + 1, "body 12345") + 1,
               "body 12345"));
    stage_strike(&s);
}

static void a_check_that_fails_makes_mail_wait(void **state)
{
    static const char *const records[] = {ENVELOPE, "N Subject: x", "N ",
                                          "X ",     "E ",           NULL};
    struct stage s;

    (void)state;
    stage_set(&s);
    stage_setting(&s, "header_checks", "fail:oops");
    stage_start(&s);
    stage_send(&s, SUBMIT_MAP | SUBMIT_FILTER, records);
    assert_int_equal(s.done.status, SUBMIT_WRITE_ERROR);
    assert_int_equal(files_in("incoming"), 0);
    stage_strike(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sandbox_test(each_action_does_its_work),
        sandbox_test(each_table_sees_its_part),
        sandbox_test(mail_of_our_own_is_not_checked),
        sandbox_test(only_the_start_of_a_body_is_checked),
        sandbox_test(a_check_that_fails_makes_mail_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
