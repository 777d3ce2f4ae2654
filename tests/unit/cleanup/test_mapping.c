/* What becomes of addresses: canonical, masquerading, aliases, copies. */
#include "cleanup/stage.h"

/*
 * Send a message from sender to recipients (separated by blanks), read it back
 * and show its recipients as "original>address ", each. "status N" when it was
 * refused.
 */
static void stage_envelope(struct stage *s, const char *sender, const char *recipients,
                           struct buf *ret)
{
    struct texts records = {0};
    struct str rest = str_of(recipients), word, line;
    const char *original = "";

    texts_add(&records, s->arena, "T 1700000000 5");
    texts_add(&records, s->arena, "A rewrite_context=local");
    texts_add(&records, s->arena, arena_printf(s->arena, "S %s", sender));
    while ((word = str_word(&rest, " ")).n)
        texts_add(&records, s->arena, arena_printf(s->arena, "R %.*s", STR_ARG(word)));
    texts_add(&records, s->arena, "M ");
    texts_add(&records, s->arena, "X ");
    texts_add(&records, s->arena, "E ");
    stage_send(s, SUBMIT_MAP, records.items);
    buf_reset(ret);
    if (s->done.status != SUBMIT_OK) {
        buf_printf(ret, "status %lld %s", s->done.status, s->done.reason);
        return;
    }
    stage_read(s, "incoming");
    rest = buf_str(&s->file);
    while ((line = str_until(&rest, '\n')).n) {
        if (line.p[0] == 'S')
            buf_printf(ret, "%.*s: ", STR_ARG(str_tail(line, 2)));
        if (line.p[0] == 'O')
            original = arena_copy_str(s->arena, str_tail(line, 2));
        if (line.p[0] == 'R')
            buf_printf(ret, "%s>%.*s ", original, STR_ARG(str_tail(line, 2)));
    }
}

/* Each table may hold blanks only in braces. */
static const struct {
    const char *name;
    const char *canonical, *sender, *recipient, *alias; /* of inline:{...} */
    const char *from, *to;
    const char *want; /* "sender: original>recipient ..." */
} rows[] = {
    {"nothing", "", "", "", "", "joe", "al jim@x.test",
     "joe@example.com: al>al@example.com jim@x.test>jim@x.test "},
    {"null sender", "{@example.com=x@x.test}", "", "", "", "", "al@y.test",
     ": al@y.test>al@y.test "},
    {"canonical", "{old@x.test=new@x.test}", "", "", "", "old@x.test", "OLD@X.test",
     "new@x.test: OLD@X.test>new@x.test "},
    {"canonical until it stays", "{a@x.test=b@x.test} {b@x.test=c@x.test}", "", "", "",
     "a@x.test", "b@x.test", "c@x.test: b@x.test>c@x.test "},
    {"sender maps", "", "{a@x.test=b@x.test}", "{a@x.test=c@x.test}", "", "a@x.test",
     "a@x.test", "b@x.test: a@x.test>c@x.test "},
    {"sender maps come first", "{b@x.test=c@x.test}", "{a@x.test=b@x.test}", "", "",
     "a@x.test", "a@x.test", "c@x.test: a@x.test>a@x.test "},
    {"bare user in our domain", "{joe=jim@x.test}", "", "", "", "joe",
     "joe@mail.example.com joe@x.test",
     "jim@x.test: joe@mail.example.com>jim@x.test joe@x.test>joe@x.test "},
    {"canonical in a circle stays after ten", "{a@x.test=b@x.test} {b@x.test=a@x.test}",
     "", "", "", "a@x.test", "c@x.test", "a@x.test: c@x.test>c@x.test "},
    {"alias", "", "", "", "{a@x.test=b@x.test}", "a@x.test", "a@x.test",
     "a@x.test: a@x.test>b@x.test "},
    {"alias to several, in their order", "", "", "",
     "{l@x.test=joe@x.test, z@x.test} {joe@x.test=joe@x.test, jim}", "s@x.test",
     "l@x.test",
     "s@x.test: l@x.test>joe@x.test l@x.test>z@x.test l@x.test>jim@example.com "},
    {"alias to itself", "", "", "", "{a@x.test=A@x.test}", "s@x.test", "a@x.test",
     "s@x.test: a@x.test>A@x.test "},
    {"aliases in a circle", "", "", "",
     "{a@x.test=b@x.test} {b@x.test=a@x.test,c@x.test}", "s@x.test", "a@x.test",
     "status 7 4.6.0 Alias expansion error"},
    {"alias keeps its extension", "", "", "", "{a@x.test=b@y.test}", "s@x.test",
     "a+lists@x.test", "s@x.test: a+lists@x.test>b+lists@y.test "},
    {"alias of a whole domain", "", "", "", "{@x.test=@y.test}", "s@x.test", "a+b@x.test",
     "s@x.test: a+b@x.test>a+b@y.test "},
    {"alias with names and quotes", "", "", "",
     "{a@x.test=\"b c\"@y.test, <d@y.test>, Joe Doe <e@y.test> (there)}", "s@x.test",
     "a@x.test", "s@x.test: a@x.test>b c@y.test a@x.test>d@y.test a@x.test>e@y.test "},
    {"canonical before alias", "{a@x.test=b@x.test}", "", "", "{b@x.test=c@x.test}",
     "s@x.test", "a@x.test", "s@x.test: a@x.test>c@x.test "},
    {"the same recipient twice", "", "", "", "{a@x.test=b@x.test,B@x.test}", "s@x.test",
     "a@x.test A@x.test b@x.test", "s@x.test: a@x.test>b@x.test b@x.test>b@x.test "},
};

static const char *table(struct stage *s, const char *content)
{
    return *content ? arena_printf(s->arena, "inline:{%s}", content) : "";
}

static void addresses_are_mapped(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct stage s;
        struct buf got;

        stage_set(&s);
        buf_init(&got, 1 << 20);
        stage_setting(&s, "canonical_maps", table(&s, rows[i].canonical));
        stage_setting(&s, "sender_canonical_maps", table(&s, rows[i].sender));
        stage_setting(&s, "recipient_canonical_maps", table(&s, rows[i].recipient));
        stage_setting(&s, "virtual_alias_maps", table(&s, rows[i].alias));
        stage_start(&s);
        stage_envelope(&s, rows[i].from, rows[i].to, &got);
        ROW_TEXT(rows[i].name, buf_text(&got), rows[i].want);
        buf_done(&got);
        stage_strike(&s);
    }
}

static const struct {
    const char *domains, *exceptions, *from, *want;
} masquerades[] = {
    {"example.com", "", "a@b.example.com", "a@example.com"},
    {"example.com", "", "a@c.b.EXAMPLE.com", "a@example.com"},
    {"example.com", "", "a@badexample.com", "a@badexample.com"},
    {"example.com", "root", "root@b.example.com", "root@b.example.com"},
    {"b.example.com example.com", "", "a@c.b.example.com", "a@b.example.com"},
    {"!b.example.com example.com", "", "a@c.b.example.com", "a@c.b.example.com"},
    {"!b.example.com example.com", "", "a@c.d.example.com", "a@example.com"},
};

static void hosts_are_hidden_behind_their_domain(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(masquerades); i++) {
        struct stage s;
        struct buf got;

        stage_set(&s);
        buf_init(&got, 1 << 20);
        stage_setting(&s, "masquerade_domains", masquerades[i].domains);
        stage_setting(&s, "masquerade_exceptions", masquerades[i].exceptions);
        stage_start(&s);
        stage_envelope(&s, masquerades[i].from, "r@x.example.com", &got);
        ROW_TEXT(masquerades[i].from, buf_text(&got),
                 arena_printf(s.arena, "%s: r@x.example.com>r@x.example.com ",
                              masquerades[i].want));
        buf_done(&got);
        stage_strike(&s);
    }
}

static void copies_go_to_those_who_watch(void **state)
{
    struct stage s;
    struct buf got;

    (void)state;
    stage_set(&s);
    buf_init(&got, 1 << 20);
    stage_setting(&s, "always_bcc", "all");
    stage_setting(&s, "sender_bcc_maps", "inline:{a@x.test=sb@x.test}");
    stage_setting(&s, "recipient_bcc_maps", "inline:{b@x.test=rb}");
    stage_setting(&s, "virtual_alias_maps", "inline:{rb@example.com=rb1@x.test}");
    stage_start(&s);
    stage_envelope(&s, "a@x.test", "b@x.test", &got);
    ROW_TEXT("copies", buf_text(&got),
             "a@x.test: sb@x.test>sb@x.test b@x.test>b@x.test rb@example.com>rb1@x.test "
             "all@example.com>all@example.com ");
    stage_envelope(&s, "", "c@x.test", &got);
    ROW_TEXT("no copies", buf_text(&got),
             ": c@x.test>c@x.test all@example.com>all@example.com ");
    buf_done(&got);
    stage_strike(&s);
}

static void a_table_that_fails_makes_mail_wait(void **state)
{
    static const char *const params[] = {"canonical_maps", "recipient_canonical_maps",
                                         "virtual_alias_maps", "recipient_bcc_maps",
                                         "sender_bcc_maps"};

    (void)state;
    for (size_t i = 0; i < ROWS(params); i++) {
        struct stage s;
        struct buf got;

        stage_set(&s);
        buf_init(&got, 1 << 20);
        stage_setting(&s, params[i], "fail:oops");
        stage_start(&s);
        stage_envelope(&s, "a@x.test", "b@x.test", &got);
        assert_int_equal(s.done.status, SUBMIT_WRITE_ERROR);
        assert_int_equal(files_in("incoming"), 0);
        buf_done(&got);
        stage_strike(&s);
    }
}

/* Is each record of the one file of the queue a line? */
static void check_lines(const char *name)
{
    struct record_reader reader;
    struct record record = {0};
    struct fail why;
    int fd = stage_open("incoming");

    record_reader_init(&reader, fd, 0);
    while (record.type != RECORD_END) {
        assert_int_equal(record_read(&reader, &record, &why), RECORD_OK);
        ROW_INT(name, record_fits_envelope(record.data), true);
    }
    record_reader_done(&reader);
    close(fd);
}

/* Whoever may write to a table may not write records, or commands of SMTP: what is more
 * than one line is several addresses, or the message waits, or it is no order. */
static void what_a_table_gives_is_one_line(void **state)
{
    static const char *const records[] = {
        HEAD, "S a@x.test", "R b@x.test", "M ", "N Subject: x", "N ", "X ", "E ", NULL};
    static const char *const settings[][2] = {
        {"canonical_maps", "a@x.test = "},
        {"virtual_alias_maps", "b@x.test = "},
        {"sender_canonical_maps", "a@x.test = "},
        {"recipient_bcc_maps", "b@x.test = "},
        {"sender_bcc_maps", "a@x.test = "},
        {"header_checks", "Subject: x = BCC "},
        {"header_checks", "Subject: x = REDIRECT "},
        {"header_checks", "Subject: x = FILTER smtp:"}};
    static const char *const values[] = {"\"j\noe\"@y.test", "\"j\roe\"@y.test",
                                         "joe@y.test\nR evil@z.test"};

    (void)state;
    for (size_t i = 0; i < ROWS(settings) * ROWS(values); i++) {
        const char *const *setting = settings[i / ROWS(values)];
        struct stage s;

        stage_set(&s);
        stage_setting(&s, setting[0],
                      arena_printf(s.arena, "inline:{{%s%s}}", setting[1],
                                   values[i % ROWS(values)]));
        stage_start(&s);
        stage_send(&s, SUBMIT_MAP | SUBMIT_FILTER, records);
        if (s.done.status == SUBMIT_OK)
            check_lines(setting[1]);
        else
            assert_int_equal(files_in("incoming"), 0);
        stage_strike(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sandbox_test(addresses_are_mapped),
        sandbox_test(hosts_are_hidden_behind_their_domain),
        sandbox_test(copies_go_to_those_who_watch),
        sandbox_test(a_table_that_fails_makes_mail_wait),
        sandbox_test(what_a_table_gives_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
