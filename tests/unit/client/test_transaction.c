/*
 * client/session.c, client/transaction.c: what is said to a server, and what
 * its replies mean. The server's replies are all there from the start, so the
 * order of talk is not tested here (tests/dialogues does) but its sense is.
 */
#include "unit.h"

#include "client/transaction.h"

#define HELLO "220 mx.test ESMTP\r\n250 mx.test\r\n"
#define PIPED "220 mx.test ESMTP\r\n250-mx.test\r\n250 PIPELINING\r\n"
#define SAID  "host mx.test[192.0.2.1] said: "

static const struct client_settings usual = {
    .myhostname = "me.test",
    .helo_name = "me.test",
    .always_send_ehlo = true,
    .skip_5xx_greeting = true,
    .quote_rfc821_envelope = true,
    .line_length_limit = 998,
    .skip_quit_response = true,
};

/* --- hello ----------------------------------------------------------------------------
 */

static const struct {
    const char *replies, *said;
    enum session_end end;
    const char *status, *text; /* of the failure */
} hellos[] = {
    {HELLO, "EHLO me.test\r\n", SESSION_FINE, NULL, NULL},
    {"220-one\r\n220 two\r\n250 mx\r\n", "EHLO me.test\r\n", SESSION_FINE, NULL, NULL},
    {"220 mx\r\n500 what\r\n250 mx\r\n", "EHLO me.test\r\nHELO me.test\r\n", SESSION_FINE,
     NULL, NULL},
    {"220 mx\r\n450 busy\r\n250 mx\r\n", "EHLO me.test\r\nHELO me.test\r\n", SESSION_FINE,
     NULL, NULL},
    {"220 mx\r\n500 what\r\n554 5.7.1 no\r\n", "EHLO me.test\r\nHELO me.test\r\nQUIT\r\n",
     SESSION_HOPELESS, "5.7.1",
     "host mx.test[192.0.2.1] refused to talk to me: 554 5.7.1 no"},
    {"220 mx\r\n500 what\r\n421 4.3.2 later\r\n",
     "EHLO me.test\r\nHELO me.test\r\nQUIT\r\n", SESSION_REFUSED, "4.3.2",
     "host mx.test[192.0.2.1] refused to talk to me: 421 4.3.2 later"},
    {"220 mx\r\n421 down\r\n", "EHLO me.test\r\nQUIT\r\n", SESSION_REFUSED, "4.0.0",
     "host mx.test[192.0.2.1] refused to talk to me: 421 down"},
    {"421 4.7.0 too many\r\n", "QUIT\r\n", SESSION_REFUSED, "4.7.0",
     "host mx.test[192.0.2.1] refused to talk to me: 421 4.7.0 too many"},
    {"354 well\r\n", "QUIT\r\n", SESSION_HOPELESS, "5.5.0",
     "host mx.test[192.0.2.1] refused to talk to me: 354 well"},
    {"450 later\r\n", "QUIT\r\n", SESSION_REFUSED, "4.0.0",
     "host mx.test[192.0.2.1] refused to talk to me: 450 later"},
    {"554-go\r\n554 5.7.1 away\r\n", "QUIT\r\n", SESSION_REFUSED, "4.7.1",
     "host mx.test[192.0.2.1] refused to talk to me: 554-go 554 5.7.1 away"},
    {"", "", SESSION_REFUSED, "4.4.2",
     "lost connection with mx.test[192.0.2.1] while receiving the initial server "
     "greeting"},
    {"220 mx\r\n", "EHLO me.test\r\n", SESSION_REFUSED, "4.4.2",
     "lost connection with mx.test[192.0.2.1] while performing the EHLO handshake"},
    {"220 mx\r\n500 no\r\n", "EHLO me.test\r\nHELO me.test\r\n", SESSION_REFUSED, "4.4.2",
     "lost connection with mx.test[192.0.2.1] while performing the HELO handshake"},
    {"220 mx\r\n250 ME.test hello\r\n", "EHLO me.test\r\nQUIT\r\n", SESSION_HOPELESS,
     "5.4.6", "mail for there.test loops back to myself"},
};

struct stage {
    struct arena *arena;
    struct stream *stream;
    struct session *session;
    struct outcome failure;
    enum session_end end;
    struct buf said;
};

/* session_free would free what was said: keep the bytes as they are written. */
static ssize_t take(void *state, const void *p, size_t n)
{
    struct stage *stage = state;

    buf_add(&stage->said, p, n);
    return (ssize_t)n;
}

static struct str left_to_read;
static bool all_at_once; /* else a line comes when it is asked for */

static ssize_t give(void *state, void *p, size_t n)
{
    struct str have = str_head(left_to_read, n);

    if (!all_at_once)
        have = str_head(have, str_find(have, '\n') + 1);

    (void)state;
    memcpy(p, have.p, have.n);
    left_to_read = str_tail(left_to_read, have.n);
    return (ssize_t)have.n;
}

static const struct stream_ops ops = {.read = give, .write = take};

static void begin(struct stage *stage, const struct client_settings *settings,
                  const char *replies)
{
    struct destination destination = {
        .nexthop = "there.test", .domain = "there.test", .port = 25, .usual_port = 25};
    struct route_host host = {.name = "mx.test"};
    const struct session_plan plan = {
        .settings = settings, .destination = &destination, .host = &host};

    *stage = (struct stage){.arena = arena_new("test"), .stream = stream_new(-1, 0)};
    buf_init(&stage->said, 1 << 20);
    left_to_read = str_of(replies);
    stream_set_ops(stage->stream, &ops, stage);
    assert_true(netaddr_parse(STR("192.0.2.1"), &host.address));
    host.address.port = 25;
    stage->end = session_greet(&plan, stage->stream, stage->arena, &stage->session,
                               &stage->failure);
}

static void end(struct stage *stage)
{
    session_close(stage->session);
    buf_done(&stage->said);
    arena_free(stage->arena);
}

static void a_session_is_greeted(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(hellos); i++) {
        struct stage stage;

        begin(&stage, &usual, hellos[i].replies);
        ROW_INT(hellos[i].replies, stage.end, hellos[i].end);
        ROW_EQ(hellos[i].replies, buf_str(&stage.said), hellos[i].said);
        if (hellos[i].status) {
            ROW_TEXT(hellos[i].replies, stage.failure.status, hellos[i].status);
            ROW_TEXT(hellos[i].replies, stage.failure.text, hellos[i].text);
        }
        end(&stage);
    }
}

static void features_are_those_offered_and_not_discarded(void **state)
{
    struct client_settings settings = usual;
    struct stage stage;

    (void)state;
    settings.discard_features = FEATURE_DSN;
    begin(&stage, &settings,
          "220 mx\r\n250-mx SIZE DSN\r\n250-SIZE 12345\r\n250-8bitmime\r\n250-dsn\r\n"
          "250-X-OTHER PIPELINING\r\n250 AUTH=LOGIN\r\n");
    assert_int_equal(stage.session->features,
                     FEATURE_SIZE | FEATURE_8BITMIME | FEATURE_AUTH);
    assert_int_equal(stage.session->size_limit, 12345);
    end(&stage);
}

static void lmtp_has_no_second_hello(void **state)
{
    struct client_settings settings = usual;
    struct stage stage;

    (void)state;
    settings.lmtp = true;
    begin(&stage, &settings, "220 mx\r\n500 5.5.1 no\r\n");
    ROW_EQ("lmtp", buf_str(&stage.said), "LHLO me.test\r\nQUIT\r\n");
    assert_int_equal(stage.end, SESSION_HOPELESS);
    assert_string_equal(stage.failure.text,
                        "host mx.test[192.0.2.1] refused to talk to me: 500 5.5.1 no");
    end(&stage);
}

/* --- transactions ----------------------------------------------------------------------
 */

#define FROM  "MAIL FROM:<ann@me.test>\r\n"
#define TO_A  "RCPT TO:<a@there.test>\r\n"
#define TO_B  "RCPT TO:<b@there.test>\r\n"
#define BODY  "Subject: x\r\n\r\n..dot\r\n.\r\n"
#define OK(n) "250 2.0.0 ok " n "\r\n"

/* Each for two recipients, a and b. */
static const struct {
    const char *hello, *replies, *said;
    enum session_end end;
    bool broken;
    const char *a, *b; /* "status text" of their outcomes */
} rows[] = {
    {HELLO, OK("1") OK("2") OK("3") "354 go\r\n250 2.6.0 taken\r\n",
     FROM TO_A TO_B "DATA\r\n" BODY, SESSION_FINE, false, "2.6.0 250 2.6.0 taken",
     "2.6.0 250 2.6.0 taken"},
    {PIPED, OK("1") OK("2") OK("3") "354 go\r\n250 taken\r\n",
     FROM TO_A TO_B "DATA\r\n" BODY, SESSION_FINE, false, "2.0.0 250 taken",
     "2.0.0 250 taken"},
    {HELLO, "550 5.7.1 bad\r\n250 reset\r\n", FROM "RSET\r\n", SESSION_FINE, false,
     "5.7.1 " SAID "550 5.7.1 bad (in reply to MAIL FROM command)",
     "5.7.1 " SAID "550 5.7.1 bad (in reply to MAIL FROM command)"},
    {HELLO, "451 later\r\n250 reset\r\n", FROM "RSET\r\n", SESSION_FINE, false,
     "4.0.0 " SAID "451 later (in reply to MAIL FROM command)",
     "4.0.0 " SAID "451 later (in reply to MAIL FROM command)"},
    {HELLO, OK("1") "550 5.1.1 who\r\n452 4.5.3 full\r\n250 reset\r\n",
     FROM TO_A TO_B "RSET\r\n", SESSION_FINE, false,
     "5.1.1 " SAID "550 5.1.1 who (in reply to RCPT TO command)",
     "4.5.3 " SAID "452 4.5.3 full (in reply to RCPT TO command)"},
    {HELLO,
     OK("1") "550-5.1.1 who\r\n550 5.1.1 is that\r\n" OK("2") "354 go\r\n250 taken\r\n",
     FROM TO_A TO_B "DATA\r\n" BODY, SESSION_FINE, false,
     "5.1.1 " SAID "550-5.1.1 who 550 5.1.1 is that (in reply to RCPT TO command)",
     "2.0.0 250 taken"},
    {PIPED,
     OK("1") "550 5.1.1 a\r\n550 5.1.1 b\r\n554 5.5.1 no valid recipients\r\n250 "
             "reset\r\n",
     FROM TO_A TO_B "DATA\r\nRSET\r\n", SESSION_FINE, false,
     "5.1.1 " SAID "550 5.1.1 a (in reply to RCPT TO command)",
     "5.1.1 " SAID "550 5.1.1 b (in reply to RCPT TO command)"},
    /* the server starts to take data for nobody: it gets an empty message */
    {PIPED, OK("1") "550 5.1.1 a\r\n550 5.1.1 b\r\n354 go\r\n554 nobody\r\n",
     FROM TO_A TO_B "DATA\r\n.\r\n", SESSION_FINE, false,
     "5.1.1 " SAID "550 5.1.1 a (in reply to RCPT TO command)",
     "5.1.1 " SAID "550 5.1.1 b (in reply to RCPT TO command)"},
    {PIPED, "550 5.7.1 bad\r\n503 x\r\n503 y\r\n503 z\r\n250 reset\r\n",
     FROM TO_A TO_B "DATA\r\nRSET\r\n", SESSION_FINE, false,
     "5.7.1 " SAID "550 5.7.1 bad (in reply to MAIL FROM command)",
     "5.7.1 " SAID "550 5.7.1 bad (in reply to MAIL FROM command)"},
    {HELLO, OK("1") OK("2") OK("3") "451 4.3.0 not now\r\n250 reset\r\n",
     FROM TO_A TO_B "DATA\r\nRSET\r\n", SESSION_FINE, false,
     "4.3.0 " SAID "451 4.3.0 not now (in reply to DATA command)",
     "4.3.0 " SAID "451 4.3.0 not now (in reply to DATA command)"},
    {HELLO, OK("1") OK("2") OK("3") "554 5.3.0 no\r\n250 reset\r\n",
     FROM TO_A TO_B "DATA\r\nRSET\r\n", SESSION_FINE, false,
     "5.3.0 " SAID "554 5.3.0 no (in reply to DATA command)",
     "5.3.0 " SAID "554 5.3.0 no (in reply to DATA command)"},
    {HELLO, OK("1") OK("2") OK("3") OK("4") "250 reset\r\n",
     FROM TO_A TO_B "DATA\r\nRSET\r\n", SESSION_FINE, false,
     "5.5.0 Protocol error: " SAID "250 2.0.0 ok 4 (in reply to DATA command)",
     "5.5.0 Protocol error: " SAID "250 2.0.0 ok 4 (in reply to DATA command)"},
    {HELLO, "150 wait\r\n250 reset\r\n", FROM "RSET\r\n", SESSION_FINE, false,
     "5.5.0 " SAID "150 wait (in reply to MAIL FROM command)",
     "5.5.0 " SAID "150 wait (in reply to MAIL FROM command)"},
    {HELLO, OK("1") OK("2") "550 5.1.1 b\r\n354 go\r\n552 5.3.4 too big\r\n",
     FROM TO_A TO_B "DATA\r\n" BODY, SESSION_FINE, false,
     "5.3.4 " SAID "552 5.3.4 too big (in reply to end of DATA command)",
     "5.1.1 " SAID "550 5.1.1 b (in reply to RCPT TO command)"},
    {HELLO, OK("1") OK("2") OK("3") "354 go\r\n", FROM TO_A TO_B "DATA\r\n" BODY,
     SESSION_REFUSED, true,
     "4.4.2 lost connection with mx.test[192.0.2.1] while sending end of data -- message "
     "may "
     "be sent more than once",
     "4.4.2 lost connection with mx.test[192.0.2.1] while sending end of data -- message "
     "may "
     "be sent more than once"},
    {HELLO, "", FROM, SESSION_REFUSED, true,
     "4.4.2 lost connection with mx.test[192.0.2.1] while sending MAIL FROM",
     "4.4.2 lost connection with mx.test[192.0.2.1] while sending MAIL FROM"},
    {HELLO, OK("1") "550 5.1.1 a\r\n", FROM TO_A TO_B, SESSION_REFUSED, true,
     "5.1.1 " SAID "550 5.1.1 a (in reply to RCPT TO command)",
     "4.4.2 lost connection with mx.test[192.0.2.1] while sending RCPT TO"},
    {HELLO, OK("1") OK("2") OK("3"), FROM TO_A TO_B "DATA\r\n", SESSION_REFUSED, true,
     "4.4.2 lost connection with mx.test[192.0.2.1] while sending DATA command",
     "4.4.2 lost connection with mx.test[192.0.2.1] while sending DATA command"},
};

static int write_body(void *context, struct content *content, struct fail *why)
{
    (void)context, (void)why;
    content_line(content, STR("Subject: x"), true);
    content_line(content, STR(""), true);
    content_line(content, STR(".dot"), true);
    return 0;
}

static void check_outcome(const char *row, const struct transaction_recipient *recipient,
                          const char *want, struct arena *arena)
{
    ROW_INT(row, recipient->state, RECIPIENT_ENDED);
    ROW_TEXT(
        row,
        arena_printf(arena, "%s %s", recipient->outcome.status, recipient->outcome.text),
        want);
    ROW_INT(row, recipient->outcome.result,
            want[0] == '2'   ? OUTCOME_DELIVERED
            : want[0] == '4' ? OUTCOME_DEFERRED
                             : OUTCOME_BOUNCED);
}

static void every_recipient_has_its_outcome(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct transaction_recipient to[] = {
            {.address = "a@there.test", .orcpt = ""},
            {.address = "b@there.test", .orcpt = ""},
        };
        struct transaction transaction = {.sender = "ann@me.test",
                                          .envelope_id = "",
                                          .recipients = to,
                                          .n = 2,
                                          .write = write_body};
        struct stage stage;
        const char *row = rows[i].replies;

        begin(&stage, &usual, rows[i].hello);
        ROW_INT(row, stage.end, SESSION_FINE);
        buf_reset(&stage.said);
        left_to_read = str_of(rows[i].replies);
        ROW_INT(row, transaction_run(stage.session, &transaction, stage.arena),
                rows[i].end);
        ROW_EQ(row, buf_str(&stage.said), rows[i].said);
        ROW_INT(row, stage.session->broken, rows[i].broken);
        check_outcome(row, &to[0], rows[i].a, stage.arena);
        check_outcome(row, &to[1], rows[i].b, stage.arena);
        end(&stage);
    }
}

/* --- parameters of commands
 * ---------------------------------------------------------------- */

#define ALL                                                                              \
    "220 mx\r\n250-mx\r\n250-SIZE\r\n250-8BITMIME\r\n250-DSN\r\n250-SMTPUTF8\r\n"        \
    "250 PIPELINING\r\n"

static void one_message(const char *hello, const struct client_settings *settings,
                        struct transaction *transaction, const char *replies,
                        struct stage *stage)
{
    begin(stage, settings, hello);
    assert_int_equal(stage->end, SESSION_FINE);
    buf_reset(&stage->said);
    left_to_read = str_of(replies);
    transaction->write = write_body;
    (void)transaction_run(stage->session, transaction, stage->arena);
}

static void what_the_server_offers_is_used(void **state)
{
    struct transaction_recipient to = {
        .address = "a b@there.test", .orcpt = "rfc822;a+b=@there.test", .notify = 2 | 8};
    struct transaction transaction = {.sender = "ann@me.test",
                                      .size = 4711,
                                      .encoding = ENCODING_8BIT,
                                      .envelope_id = "id 1",
                                      .ret_headers = true,
                                      .utf8 = true,
                                      .last = true,
                                      .recipients = &to,
                                      .n = 1};
    struct stage stage;

    (void)state;
    one_message(ALL, &usual, &transaction, OK("1") OK("2") "354 go\r\n" OK("3"), &stage);
    ROW_EQ("all", buf_str(&stage.said),
           "MAIL FROM:<ann@me.test> SIZE=4711 BODY=8BITMIME ENVID=id+201 RET=HDRS "
           "SMTPUTF8\r\n"
           "RCPT TO:<\"a b\"@there.test> ORCPT=rfc822;a+2Bb+3D@there.test "
           "NOTIFY=SUCCESS,DELAY\r\n"
           "DATA\r\n" BODY "QUIT\r\n");
    assert_string_equal(to.outcome.status, "2.0.0");
    end(&stage);
    to.state = RECIPIENT_WAITING;
    one_message(HELLO, &usual, &transaction, OK("1") OK("2") "354 go\r\n" OK("3"),
                &stage);
    ROW_EQ("none", buf_str(&stage.said),
           "MAIL FROM:<ann@me.test>\r\nRCPT TO:<\"a b\"@there.test>\r\nDATA\r\n" BODY);
    end(&stage);
}

static const struct {
    const char *sender, *address;
    long long size;
    const char *hello, *status, *text;
} limits[] = {
    {"ann@me.test", "a@there.test", 1001, "220 mx\r\n250-mx\r\n250 SIZE 1000\r\n",
     "5.3.4", "message size 1001 exceeds size limit 1000 of server mx.test[192.0.2.1]"},
    {"ann@me.test", "j\xc3\xb6@there.test", 1, HELLO, "5.6.7",
     "SMTPUTF8 is required, but was not offered by host mx.test[192.0.2.1]"},
    {"ann@me.test\r\nRSET", "a@there.test", 1, HELLO, "5.1.7",
     "bad sender address syntax"},
    {"ann@me.test", "a@there.test\r\nRSET", 1, HELLO, "5.1.3", "bad address syntax"},
};

static void what_the_server_cannot_take_is_not_offered(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(limits); i++) {
        struct transaction_recipient to = {.address = limits[i].address, .orcpt = ""};
        struct transaction transaction = {.sender = limits[i].sender,
                                          .size = limits[i].size,
                                          .envelope_id = "",
                                          .utf8 = true,
                                          .recipients = &to,
                                          .n = 1};
        struct stage stage;

        one_message(limits[i].hello, &usual, &transaction, "", &stage);
        ROW_EQ(limits[i].text, buf_str(&stage.said), "");
        ROW_INT(limits[i].text, to.state, RECIPIENT_ENDED);
        ROW_TEXT(limits[i].text, to.outcome.status, limits[i].status);
        ROW_TEXT(limits[i].text, to.outcome.text, limits[i].text);
        ROW_INT(limits[i].text, stage.session->broken, false);
        end(&stage);
    }
}

static void lmtp_answers_for_each_recipient(void **state)
{
    struct client_settings settings = usual;
    struct transaction_recipient to[] = {
        {.address = "a@there.test", .orcpt = ""},
        {.address = "b@there.test", .orcpt = ""},
        {.address = "c@there.test", .orcpt = ""},
    };
    struct transaction transaction = {
        .sender = "", .envelope_id = "", .recipients = to, .n = 3};
    struct stage stage;

    (void)state;
    settings.lmtp = true;
    one_message(PIPED, &settings, &transaction,
                OK("1")
                    OK("2") "550 5.1.1 who\r\n" OK("3") "354 go\r\n250 2.1.5 a done\r\n"
                                                        "452 4.2.2 c is full\r\n",
                &stage);
    check_outcome("lmtp", &to[0], "2.1.5 250 2.1.5 a done", stage.arena);
    check_outcome("lmtp", &to[1],
                  "5.1.1 " SAID "550 5.1.1 who (in reply to RCPT TO command)",
                  stage.arena);
    check_outcome("lmtp", &to[2],
                  "4.2.2 " SAID "452 4.2.2 c is full (in reply to end of DATA command)",
                  stage.arena);
    end(&stage);
}

static void recipients_that_have_ended_take_no_part(void **state)
{
    struct transaction_recipient to[] = {
        {.address = "a@there.test", .orcpt = "", .state = RECIPIENT_ENDED},
        {.address = "b@there.test", .orcpt = ""},
    };
    struct transaction transaction = {
        .sender = "", .envelope_id = "", .recipients = to, .n = 2};
    struct stage stage;

    (void)state;
    one_message(PIPED, &usual, &transaction, OK("1") OK("2") "354 go\r\n" OK("3"),
                &stage);
    ROW_EQ("one", buf_str(&stage.said), "MAIL FROM:<>\r\n" TO_B "DATA\r\n" BODY);
    assert_null(to[0].outcome.text);
    end(&stage);
}

static const struct {
    enum transaction_probe probe;
    const char *hello, *replies, *said;
    bool broken;
    const char *outcome;
} probes[] = {
    {PROBE_RCPT, HELLO, OK("1") OK("2") "250 reset\r\n",
     "MAIL FROM:<>\r\n" TO_A "RSET\r\n", false, "2.0.0 250 2.0.0 ok 2"},
    {PROBE_RCPT, PIPED, OK("1") "450 4.1.1 later\r\n250 reset\r\n",
     "MAIL FROM:<>\r\n" TO_A "RSET\r\n", false,
     "4.1.1 " SAID "450 4.1.1 later (in reply to RCPT TO command)"},
    {PROBE_DATA, HELLO, OK("1") OK("2") "354 go\r\n", "MAIL FROM:<>\r\n" TO_A "DATA\r\n",
     true, "2.0.0 354 go"},
    {PROBE_DATA, HELLO, OK("1") OK("2") "550 5.1.1 no\r\n250 reset\r\n",
     "MAIL FROM:<>\r\n" TO_A "DATA\r\nRSET\r\n", false,
     "5.1.1 " SAID "550 5.1.1 no (in reply to DATA command)"},
    {PROBE_DATA, PIPED, OK("1") "550 5.1.1 no\r\n354 go\r\n",
     "MAIL FROM:<>\r\n" TO_A "DATA\r\n", true,
     "5.1.1 " SAID "550 5.1.1 no (in reply to RCPT TO command)"},
};

static void a_probe_sends_no_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(probes); i++) {
        struct transaction_recipient to = {.address = "a@there.test", .orcpt = ""};
        struct transaction transaction = {.probe = probes[i].probe,
                                          .sender = "",
                                          .envelope_id = "",
                                          .recipients = &to,
                                          .n = 1};
        struct stage stage;
        const char *row = probes[i].replies;

        one_message(probes[i].hello, &usual, &transaction, probes[i].replies, &stage);
        ROW_EQ(row, buf_str(&stage.said), probes[i].said);
        ROW_INT(row, stage.session->broken, probes[i].broken);
        check_outcome(row, &to, probes[i].outcome, stage.arena);
        end(&stage);
    }
}

static void the_client_is_told_to_servers_that_want_it(void **state)
{
    static const struct xforward client = {.name = "n",
                                           .address = "192.0.2.9",
                                           .port = "",
                                           .protocol = "ESMTP",
                                           .helo = "a b",
                                           .source = "LOCAL"};
    struct transaction_recipient to = {.address = "a@there.test", .orcpt = ""};
    struct transaction transaction = {
        .sender = "", .envelope_id = "", .recipients = &to, .n = 1, .xforward = &client};
    struct stage stage;

    (void)state;
    one_message("220 mx\r\n250-mx\r\n250 XFORWARD NAME PROTO ADDR HELO PORT FOO\r\n",
                &usual, &transaction,
                OK("x") "500 5.5.1 no\r\n" OK("1") OK("2") "354 go\r\n" OK("3"), &stage);
    ROW_EQ("xforward", buf_str(&stage.said),
           "XFORWARD NAME=n ADDR=192.0.2.9\r\nXFORWARD PROTO=ESMTP HELO=a+20b\r\n"
           "MAIL FROM:<>\r\n" TO_A "DATA\r\n" BODY);
    check_outcome("xforward", &to, "2.0.0 250 2.0.0 ok 3", stage.arena);
    end(&stage);
    to.state = RECIPIENT_WAITING;
    one_message("220 mx\r\n250-mx\r\n250 XFORWARD SOURCE\r\n", &usual, &transaction,
                OK("x") OK("1") OK("2") "354 go\r\n" OK("3"), &stage);
    ROW_EQ("source", buf_str(&stage.said),
           "XFORWARD SOURCE=LOCAL\r\nMAIL FROM:<>\r\n" TO_A "DATA\r\n" BODY);
    end(&stage);
}

static void an_answer_to_what_was_not_said_counts_for_nothing(void **state)
{
    struct transaction_recipient to = {.address = "a@there.test", .orcpt = ""};
    struct transaction transaction = {
        .sender = "", .envelope_id = "", .recipients = &to, .n = 1};
    struct stage stage;

    (void)state;
    all_at_once = true;
    one_message(PIPED, &usual, &transaction,
                OK("1") OK("2") "354 go\r\n250 2.0.0 taken\r\n", &stage);
    all_at_once = false;
    check_outcome("early", &to,
                  "4.5.0 host mx.test[192.0.2.1] answered before the end of the message",
                  stage.arena);
    assert_true(stage.session->broken);
    end(&stage);
}

static int write_half(void *context, struct content *content, struct fail *why)
{
    (void)context;
    content_line(content, STR("Subject: half"), true);
    return fail_set(why, "disk on fire");
}

static void half_a_message_is_never_ended(void **state)
{
    struct transaction_recipient to = {.address = "a@there.test", .orcpt = ""};
    struct transaction transaction = {
        .sender = "", .envelope_id = "", .recipients = &to, .n = 1, .write = write_half};
    struct stage stage;

    (void)state;
    begin(&stage, &usual, HELLO OK("1") OK("2") "354 go\r\n");
    (void)transaction_run(stage.session, &transaction, stage.arena);
    assert_true(stage.session->broken);
    assert_string_equal(to.outcome.status, "4.3.0");
    assert_string_equal(to.outcome.text, "disk on fire");
    session_close(stage.session);
    stage.session = NULL;
    assert_false(str_ends(buf_str(&stage.said), ".\r\n"));
    assert_false(str_ends(buf_str(&stage.said), "QUIT\r\n"));
    end(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_greeted),
        cmocka_unit_test(features_are_those_offered_and_not_discarded),
        cmocka_unit_test(lmtp_has_no_second_hello),
        cmocka_unit_test(every_recipient_has_its_outcome),
        cmocka_unit_test(what_the_server_offers_is_used),
        cmocka_unit_test(what_the_server_cannot_take_is_not_offered),
        cmocka_unit_test(lmtp_answers_for_each_recipient),
        cmocka_unit_test(recipients_that_have_ended_take_no_part),
        cmocka_unit_test(a_probe_sends_no_message),
        cmocka_unit_test(the_client_is_told_to_servers_that_want_it),
        cmocka_unit_test(an_answer_to_what_was_not_said_counts_for_nothing),
        cmocka_unit_test(half_a_message_is_never_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
