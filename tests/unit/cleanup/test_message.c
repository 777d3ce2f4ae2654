/* A message from its records to the queue file, or to nothing at all. */
#include "cleanup/stage.h"

/* What cleanup writes of its own differs from run to run: show it as words. */
static void mask(struct stage *s, const char *from, const char *to, const char *by)
{
    struct buf out;
    struct str rest = buf_str(&s->file);

    buf_init(&out, 1 << 24);
    while (rest.n) {
        const char *at = memmem(rest.p, rest.n, from, strlen(from));
        size_t n = at ? (size_t)(at - rest.p) + strlen(from) : rest.n;

        buf_add_str(&out, str_head(rest, n));
        rest = str_tail(rest, n);
        if (at) {
            buf_add_text(&out, by);
            rest = str_tail(rest, str_find_any(rest, to));
        }
    }
    buf_reset(&s->file);
    buf_add_str(&s->file, buf_str(&out));
    buf_done(&out);
}

static void a_plain_message_becomes_a_queue_file(void **state)
{
    static const char *const records[] = {
        HEAD,   "S joe",   "R jim+x@Example.org",
        "R al", "M ",      "N To: jim",
        "N ",   "N hello", "L a",
        "N b",  "X ",      "E ",
        NULL,
    };
    struct stage s;

    (void)state;
    stage_set(&s);
    stage_start(&s);
    stage_send(&s, SUBMIT_MAP | SUBMIT_FILTER, records);
    assert_int_equal(s.done.status, SUBMIT_OK);
    stage_read(&s, "incoming");
    mask(&s, "create_time=", "\n", "?");
    mask(&s, "<20231114221320.", "@", "ID");
    ROW_TEXT("file", buf_text(&s.file),
             "T 1700000000 5\n"
             "A create_time=?\n"
             "A rewrite_context=local\n"
             "S joe@example.com\n"
             "A dsn_orig_rcpt=rfc822;jim+x@Example.org\n"
             "O jim+x@Example.org\n"
             "R jim+x@Example.org\n"
             "A dsn_orig_rcpt=rfc822;al@example.com\n"
             "O al\n"
             "R al@example.com\n"
             "M \n"
             "N To: jim@example.com\n"
             "N Message-Id: <20231114221320.ID@mail.example.com>\n"
             "N Date: Tue, 14 Nov 2023 22:13:20 +0000 (UTC)\n"
             "N From: joe@example.com\n"
             "N \n"
             "N hello\n"
             "L a\n"
             "N b\n"
             "X \n"
             "E \n");
    assert_int_equal(s.size.recipients, 2);
    assert_int_equal(s.size.flags, 0);
    assert_int_equal(s.size.content_bytes, s.done.size);
    stage_strike(&s);
}

static const struct {
    const char *name;
    const char *records[8];
    enum submit_status status;
} refused[] = {
    {"no arrival time", {"S joe", "R al", "M ", "X ", "E "}, SUBMIT_BAD_RECORD},
    {"no sender", {HEAD, "R al", "M ", "X ", "E "}, SUBMIT_BAD_RECORD},
    {"two senders", {HEAD, "S joe", "S al", "R al", "E "}, SUBMIT_BAD_RECORD},
    {"no content", {HEAD, "S joe", "R al", "E "}, SUBMIT_BAD_RECORD},
    {"no end of content", {HEAD, "S joe", "R al", "M ", "E "}, SUBMIT_BAD_RECORD},
    {"size record", {HEAD, "C 1", "S joe", "R al", "E "}, SUBMIT_BAD_RECORD},
    {"no recipient", {HEAD, "S joe", "M ", "X ", "E "}, SUBMIT_NO_RECIPIENT},
    {"two lines", {HEAD, "S j\noe", "M ", "X ", "E "}, SUBMIT_BAD_RECORD},
};

static void what_is_refused_leaves_no_file(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(refused); i++) {
        struct stage s;

        stage_set(&s);
        stage_start(&s);
        stage_send(&s, SUBMIT_MAP, refused[i].records);
        ROW_INT(refused[i].name, s.done.status, refused[i].status);
        ROW_INT(refused[i].name, files_in("incoming"), 0);
        stage_strike(&s);
    }
}

/* --- trouble
 * ----------------------------------------------------------------------------- */

static const char *const good[] = {HEAD, "S joe", "R al", "M ", "N a", "X ", "E ", NULL};

static void what_is_given_up_leaves_no_file(void **state)
{
    struct stage s;
    struct message m;
    struct fail why;

    (void)state;
    stage_set(&s);
    stage_start(&s);
    for (size_t n = 0; n < ROWS(good) - 1; n++) {
        assert_int_equal(message_open(&m, &s.cleaner, &(struct submit){0}, s.arena, &why),
                         0);
        for (size_t i = 0; i < n; i++)
            message_record(&m, good[i][0], str_tail(str_of(good[i]), 2));
        message_abandon(&m);
        assert_int_equal(files_in("incoming"), 0);
        assert_non_null(strstr(buf_text(&s.log), ": removed (canceled)\n"));
        buf_reset(&s.log);
    }
    stage_strike(&s);
}

static void a_failed_write_costs_one_message(void **state)
{
    struct stage s;
    struct message m;
    struct fail why;
    int nowhere = open("/dev/null", O_RDONLY);

    (void)state;
    stage_set(&s);
    stage_start(&s);
    assert_int_equal(message_open(&m, &s.cleaner, &(struct submit){0}, s.arena, &why), 0);
    assert_int_equal(dup2(nowhere, m.draft.fd), m.draft.fd);
    for (size_t i = 0; good[i]; i++)
        message_record(&m, good[i][0], str_tail(str_of(good[i]), 2));
    assert_int_equal(message_close(&m).status, SUBMIT_WRITE_ERROR);
    assert_int_equal(files_in("incoming"), 0);
    stage_send(&s, SUBMIT_MAP, good);
    assert_int_equal(s.done.status, SUBMIT_OK);
    assert_int_equal(files_in("incoming"), 1);
    close(nowhere);
    stage_strike(&s);
}

static void a_message_that_is_too_big_is_refused(void **state)
{
    struct stage s;
    struct message m;
    struct fail why;
    struct submit_done done;

    (void)state;
    stage_set(&s);
    stage_start(&s);
    assert_int_equal(message_open(&m, &s.cleaner, &(struct submit){.size_limit = 200000},
                                  s.arena, &why),
                     0);
    for (size_t i = 0; good[i][0] != 'X'; i++)
        message_record(&m, good[i][0], str_tail(str_of(good[i]), 2));
    for (size_t i = 0; i < 100; i++) {
        struct buf line;

        buf_init(&line, 2048);
        buf_add_repeat(&line, 'x', 2048);
        message_record(&m, 'L', buf_str(&line));
        buf_done(&line);
    }
    message_record(&m, 'X', STR(""));
    message_record(&m, 'E', STR(""));
    done = message_close(&m);
    assert_int_equal(done.status, SUBMIT_TOO_BIG);
    assert_int_equal(files_in("incoming"), 0);
    stage_strike(&s);
}

static void too_many_attributes_are_refused(void **state)
{
    static const char *const records[] = {HEAD,   "S joe", "A a=1", "A b=2", "A c=3",
                                          "R al", "M ",    "X ",    "E ",    NULL};
    struct stage s;

    (void)state;
    stage_set(&s);
    stage_setting(&s, "queue_file_attribute_count_limit", "4");
    stage_start(&s);
    stage_send(&s, SUBMIT_MAP, records);
    assert_int_equal(s.done.status, SUBMIT_OK);
    stage_strike(&s);
    stage_set(&s);
    stage_setting(&s, "queue_file_attribute_count_limit", "3");
    stage_start(&s);
    stage_send(&s, SUBMIT_MAP, records);
    assert_int_equal(s.done.status, SUBMIT_BAD_RECORD);
    stage_strike(&s);
}

/* --- what a file can say
 * ------------------------------------------------------------------ */

static const struct {
    const char *name;
    int flags;
    const char *records[14];
    const char *want; /* a piece of the file */
} files[] = {
    {"short forms of DSN",
     SUBMIT_MAP,
     {HEAD, "i id", "< 1", "S joe", "o rfc822;x", "n 6", "R al@x", "M ", "X ", "E "},
     "A envelope_id=id\nA ret_flags=1\nS joe@example.com\nA notify_flags=6\n"
     "A dsn_orig_rcpt=rfc822;x\nO al@x\nR al@x\nM "},
    {"create_time of an earlier stay",
     SUBMIT_MAP,
     {"T 1700000000 5", "A create_time=1", "A trace_flags=512", "S joe", "R al@x", "M ",
      "X ", "E "},
     "\nA trace_flags=512\nS joe"},
    {"recipients from the header",
     SUBMIT_MAP | SUBMIT_EXTRACT,
     {HEAD, "S joe", "M ", "N To: a@x (b), G: c@x;", "N Bcc: <d@x>", "N ", "X ", "E "},
     "X \nA dsn_orig_rcpt=rfc822;a@x\nO a@x\nR a@x\n"
     "A dsn_orig_rcpt=rfc822;c@x\nO c@x\nR c@x\nA dsn_orig_rcpt=rfc822;d@x\nO d@x\nR "
     "d@x\nE "},
    {"recipients from Resent- headers",
     SUBMIT_MAP | SUBMIT_EXTRACT,
     {HEAD, "S joe", "M ", "N To: a@x", "N Resent-Cc: b@x", "N ", "X ", "E "},
     "X \nA dsn_orig_rcpt=rfc822;b@x\nO b@x\nR b@x\nE "},
    {"recipients behind the content",
     SUBMIT_MAP,
     {HEAD, "S joe", "M ", "N ", "X ", "R a@x", "E "},
     "X \nA dsn_orig_rcpt=rfc822;a@x\nO a@x\nR a@x\nE "},
    {"full name",
     SUBMIT_MAP,
     {HEAD, "F J\xc3\xb6rg (x)", "S joe", "R a@x", "M ", "N ", "X ", "E "},
     "\nN From: =?utf-8?Q?J=C3=B6rg_=28x=29?= <joe@example.com>\n"},
    {"stray line ends",
     SUBMIT_MAP | SUBMIT_FILTER,
     {HEAD, "S joe", "R a@x", "M ", "N Subject: a\rb", "N ", "N c\nd", "X ", "E "},
     "\nN c d\n"},
    {"stray line ends of our own mail",
     SUBMIT_MAP,
     {HEAD, "S joe", "R a@x", "M ", "N ", "N c\rd", "X ", "E "},
     "\nN c\rd\n"},
    {"original recipient, and records without effect",
     SUBMIT_MAP,
     {HEAD, "S joe", "O x", "W 1", "R a@x", "M ", "N ", "w ", "X ", "O x", "E "},
     "O x\nR a@x\nM "},
};

static void files_say_what_they_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(files); i++) {
        struct stage s;

        stage_set(&s);
        stage_start(&s);
        stage_send(&s, files[i].flags, files[i].records);
        ROW_INT(files[i].name, s.done.status, SUBMIT_OK);
        stage_read(&s, "incoming");
        if (!strstr(buf_text(&s.file), files[i].want))
            fail_msg("%s: \"%s\" is not in:\n%s", files[i].name, files[i].want,
                     buf_text(&s.file));
        stage_strike(&s);
    }
}

static const struct {
    int flags;
    const char *sender, *recipient, *header;
    long want;
} utf8[] = {
    {0, "a@x", "b@x", "N A: b", 0},
    {0, "a@x", "b@x", "N A: \xc3\xa4", 2},
    {SUBMIT_UTF8, "a@x", "b@x", "N A: b", 1},
    {SUBMIT_UTF8, "\xc3\xa4@x", "b@x", "N A: \xc3\xa4", 7},
    {SUBMIT_AUTO_UTF8, "a@x", "b@x", "N A: \xc3\xa4", 3},
    {SUBMIT_AUTO_UTF8, "a@x", "\xc3\xa4@x", "N A: b", 1},
    {SUBMIT_AUTO_UTF8, "a@x", "b@x", "N A: b", 0},
    {0, "a@x", "b@x", "N TLS-Required: No", 16},
    {0, "a@x", "b@x", "N Require-TLS-ESMTP: yes", 32},
    {SUBMIT_REQUIRETLS, "a@x", "b@x", "N TLS-Required: no", 32},
};

static void what_needs_an_extension_is_noted(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(utf8); i++) {
        struct stage s;
        const char *records[] = {HEAD, NULL, NULL, "M ", NULL, "N ", "X ", "E ", NULL};

        stage_set(&s);
        stage_start(&s);
        records[2] = arena_printf(s.arena, "S %s", utf8[i].sender);
        records[3] = arena_printf(s.arena, "R %s", utf8[i].recipient);
        records[5] = utf8[i].header;
        stage_send(&s, utf8[i].flags, records);
        stage_read(&s, "incoming");
        ROW_INT(utf8[i].header, s.size.smtputf8, utf8[i].want);
        stage_strike(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sandbox_test(a_plain_message_becomes_a_queue_file),
        sandbox_test(what_is_refused_leaves_no_file),
        sandbox_test(what_is_given_up_leaves_no_file),
        sandbox_test(a_failed_write_costs_one_message),
        sandbox_test(a_message_that_is_too_big_is_refused),
        sandbox_test(too_many_attributes_are_refused),
        sandbox_test(files_say_what_they_should),
        sandbox_test(what_needs_an_extension_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
