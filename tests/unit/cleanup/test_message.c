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

int main(void)
{
    const struct CMUnitTest tests[] = {
        sandbox_test(a_plain_message_becomes_a_queue_file),
        sandbox_test(what_is_refused_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
