#include "unit.h"

#include "mail/maillog.h"

#include "util/log.h"

static const struct maillog_style external = {.external = true, .delay_decimals = 2};
static const struct maillog_style internal = {.external = false, .delay_decimals = 2};

static char line[3000];

static void keep(void *context, enum log_level level, const char *text)
{
    (void)context;
    (void)level;
    snprintf(line, sizeof(line), "%s", text);
}

static const struct {
    double seconds;
    int decimals;
    const char *want;
} delays[] = {
    {0, 2, "0"},           {0.001, 2, "0"},      {0.006, 2, "0.01"},
    {0.02, 2, "0.02"},     {0.1, 2, "0.1"},      {0.12, 2, "0.12"},
    {0.126, 2, "0.13"},    {0.999, 2, "1"},      {1, 2, "1"},
    {1.26, 2, "1.3"},      {9.94, 2, "9.9"},     {9.96, 2, "10"},
    {12.3, 2, "12"},       {141.2, 2, "141"},    {-3, 2, "0"},
    {100000, 2, "100000"}, {0.0123, 6, "0.012"}, {0.000123, 6, "0.00012"},
    {0.5, 0, "0"},         {1.26, 0, "1"},       {1.26, 1, "1.3"},
    {0.126, 1, "0.1"},
};

static void delays_have_two_digits(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    for (size_t i = 0; i < ROWS(delays); i++) {
        buf_reset(&out);
        maillog_add_delay(&out, delays[i].seconds, delays[i].decimals);
        ROW_EQ(delays[i].want, buf_str(&out), delays[i].want);
    }
    buf_done(&out);
}

static struct maillog_delivery sample(void)
{
    return (struct maillog_delivery){
        .queue_id = "6EB3C143",
        .recipient = "joe@example.com",
        .relay = "mx.example.com[192.0.2.1]:25",
        .times = {.arrival = {1000, 0},
                  .active = {1000, 20000},
                  .agent = {1000, 30000},
                  .connected = {1000, 130000},
                  .done = {1001, 300000}},
        .status = "2.0.0",
        .verdict = "sent",
        .text = "250 2.0.0 Ok: queued as X",
    };
}

static void delivery_lines(void **state)
{
    struct maillog_delivery d = sample();

    (void)state;
    maillog_delivery(external, &d);
    assert_string_equal(line,
                        "6EB3C143: to=<joe@example.com>, "
                        "relay=mx.example.com[192.0.2.1]:25, delay=1.3, "
                        "delays=0.02/0.01/0.1/1.2, dsn=2.0.0, status=sent (250 2.0.0 "
                        "Ok: queued as X)");
    d.orig_to = "JOE@Example.com"; /* differs by case only */
    d.conn_use = 2;
    d.recipient = "joe smith@example.com";
    maillog_delivery(external, &d);
    assert_string_equal(line,
                        "6EB3C143: to=<\"joe smith\"@example.com>, "
                        "orig_to=<JOE@Example.com>, "
                        "relay=mx.example.com[192.0.2.1]:25, conn_use=2, delay=1.3, "
                        "delays=0.02/0.01/0.1/1.2, dsn=2.0.0, status=sent (250 2.0.0 "
                        "Ok: queued as X)");
    d.orig_to = "Joe Smith@example.com";
    d.conn_use = 1;
    maillog_delivery(internal, &d);
    assert_string_equal(line,
                        "6EB3C143: to=<joe smith@example.com>, "
                        "relay=mx.example.com[192.0.2.1]:25, delay=1.3, "
                        "delays=0.02/0.01/0.1/1.2, dsn=2.0.0, status=sent (250 2.0.0 "
                        "Ok: queued as X)");
}

static void deliveries_that_went_nowhere(void **state)
{
    struct maillog_delivery d = sample();

    (void)state;
    d.times.connected = (struct timeval){0};
    d.relay = "none";
    d.status = "4.3.2";
    d.verdict = maillog_verdict(OUTCOME_DEFERRED);
    d.text = "deferred transport";
    maillog_delivery(external, &d);
    assert_string_equal(line,
                        "6EB3C143: to=<joe@example.com>, relay=none, delay=1.3, "
                        "delays=0.02/0.01/0/1.3, dsn=4.3.2, status=deferred (deferred "
                        "transport)");
    d.times.active = d.times.agent = (struct timeval){0};
    d.status = "5.6.0";
    d.verdict = maillog_verdict(OUTCOME_BOUNCED);
    d.text = "x";
    maillog_delivery(external, &d);
    assert_string_equal(line, "6EB3C143: to=<joe@example.com>, relay=none, delay=1.3, "
                              "delays=0/1.3/0/0, dsn=5.6.0, status=bounced (x)");
}

static void session_lines(void **state)
{
    (void)state;
    maillog_connect("unknown[127.0.0.1]");
    assert_string_equal(line, "connect from unknown[127.0.0.1]");
    maillog_disconnect("h.test[::1]", "ehlo=1 quit=1 commands=2");
    assert_string_equal(line, "disconnect from h.test[::1] ehlo=1 quit=1 commands=2");
    maillog_lost("lost connection", "RSET", -1, "unknown[127.0.0.1]");
    assert_string_equal(line, "lost connection after RSET from unknown[127.0.0.1]");
    maillog_lost("timeout", "DATA", 12, "unknown[127.0.0.1]");
    assert_string_equal(line, "timeout after DATA (12 bytes) from unknown[127.0.0.1]");
}

static void client_lines(void **state)
{
    struct maillog_client c = {.queue_id = "88DA7162", .client = "unknown[127.0.0.1]"};

    (void)state;
    maillog_client(&c);
    assert_string_equal(line, "88DA7162: client=unknown[127.0.0.1]");
    c = (struct maillog_client){.client = "a[1.2.3.4]",
                                .sasl_method = "PLAIN",
                                .sasl_username = "joe",
                                .sasl_sender = "joe@x",
                                .orig_queue_id = "ABC",
                                .orig_client = "b[5.6.7.8]"};
    maillog_client(&c);
    assert_string_equal(line, "NOQUEUE: client=a[1.2.3.4], sasl_method=PLAIN, "
                              "sasl_username=joe, sasl_sender=joe@x, orig_queue_id=ABC, "
                              "orig_client=b[5.6.7.8]");
}

static void reject_lines(void **state)
{
    struct maillog_context context = {
        .sender = "", .recipient = "a b@c", .proto = "ESMTP", .helo = "x"};

    (void)state;
    maillog_action(external, NULL, "reject", "RCPT from unknown[127.0.0.1]",
                   "554 5.7.1 <a@c>: Relay access denied", &context);
    assert_string_equal(line, "NOQUEUE: reject: RCPT from unknown[127.0.0.1]: 554 5.7.1 "
                              "<a@c>: Relay access denied; from=<> to=<\"a b\"@c> "
                              "proto=ESMTP helo=<x>");
    context = (struct maillog_context){.proto = "SMTP"};
    maillog_action(external, "ABC", "hold", "CONNECT from u[::1]",
                   "<x>: Client host triggers HOLD action", &context);
    assert_string_equal(line, "ABC: hold: CONNECT from u[::1]: <x>: Client host triggers "
                              "HOLD action; proto=SMTP");
}

static void content_lines(void **state)
{
    struct maillog_context context = {
        .sender = "a@c", .recipient = "b@c", .proto = "ESMTP", .helo = "x"};
    struct maillog_content c = {.queue_id = "ABC",
                                .action = "warning",
                                .part = "header",
                                .text = STR("Subject: a\0b"),
                                .origin = "n[1.2.3.4]",
                                .context = &context,
                                .words = "why"};
    char text[300];

    (void)state;
    maillog_content(external, &c);
    assert_string_equal(line, "ABC: warning: header Subject: a?b from n[1.2.3.4]; "
                              "from=<a@c> to=<b@c> proto=ESMTP helo=<x>: why");
    memset(text, 'x', sizeof(text));
    context = (struct maillog_context){.sender = ""};
    c.text = str_from(text, sizeof(text));
    c.part = "body";
    c.origin = "local";
    c.words = "";
    maillog_content(external, &c);
    assert_int_equal(strlen(line),
                     strlen("ABC: warning: body  from local; from=<>") + 200);
}

static void intake_lines(void **state)
{
    (void)state;
    maillog_pickup(external, "AC9B81DD", 0, "u@h@", NULL);
    assert_string_equal(line, "AC9B81DD: uid=0 from=<\"u@h\"@>");
    maillog_pickup(external, "AC9B81DD", 1000, "joe", "OLD");
    assert_string_equal(line, "AC9B81DD: uid=1000 from=<joe> orig_id=OLD");
    maillog_message_id("Q", false, "<1@x>");
    assert_string_equal(line, "Q: message-id=<1@x>");
    maillog_message_id("Q", true, "<1@x>");
    assert_string_equal(line, "Q: resent-message-id=<1@x>");
    maillog_message_id("Q", false, "");
    assert_string_equal(line, "Q: message-id=");
    maillog_message_id("Q", false, NULL);
    assert_string_equal(line, "Q: message-id=<>");
    maillog_too_many_hops("Q");
    assert_string_equal(line, "warning: Q: message rejected: hopcount exceeded");
    maillog_canceled("Q");
    assert_string_equal(line, "Q: removed (canceled)");
}

static void queue_lines(void **state)
{
    (void)state;
    maillog_active(external, "Q", "", 294, 1);
    assert_string_equal(line, "Q: from=<>, size=294, nrcpt=1 (queue active)");
    maillog_removed("Q");
    assert_string_equal(line, "Q: removed");
    maillog_expired(external, "Q", "a@b", false);
    assert_string_equal(line, "Q: from=<a@b>, status=expired, returned to sender");
    maillog_expired(external, "Q", "a@b", true);
    assert_string_equal(line, "Q: from=<a@b>, status=force-expired, returned to sender");
    maillog_skipped("Q");
    assert_string_equal(line, "Q: skipped, still being delivered");
}

static void notice_lines(void **state)
{
    (void)state;
    maillog_notice("Q", MAILLOG_SENDER_FAILURE, "N");
    assert_string_equal(line, "Q: sender non-delivery notification: N");
    maillog_notice("Q", MAILLOG_POSTMASTER_FAILURE, "N");
    assert_string_equal(line, "Q: postmaster non-delivery notification: N");
    maillog_notice("Q", MAILLOG_SENDER_DELAY, "N");
    assert_string_equal(line, "Q: sender delay notification: N");
    maillog_notice("Q", MAILLOG_POSTMASTER_DELAY, "N");
    assert_string_equal(line, "Q: postmaster delay notification: N");
    maillog_notice("Q", MAILLOG_SENDER_SUCCESS, "N");
    assert_string_equal(line, "Q: sender delivery status notification: N");
    maillog_notice_discarded("Q");
    assert_string_equal(line,
                        "warning: Q: undeliverable postmaster notification discarded");
}

static void input_that_came_too_early_is_shown_with_escapes(void **state)
{
    static const struct {
        struct str ahead;
        const char *shown;
    } rows[] = {
        {STR("QUIT\r\n"), "QUIT\\r\\n"},
        {STR("a\tb\\c"), "a\\tb\\\\c"},
        {STR("\0x\001\377abfnrtv"), "\\000x\\001\\377abfnrtv"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct buf shown;

        buf_init(&shown, 1000);
        maillog_add_pipelining(&shown, "NOOP", "c[192.0.2.1]", rows[i].ahead);
        assert_true(
            str_starts(buf_str(&shown),
                       "improper command pipelining after NOOP from c[192.0.2.1]: "));
        ROW_TEXT(rows[i].shown, buf_text(&shown) + 58, rows[i].shown);
        buf_done(&shown);
    }
}

static void tls_lines(void **state)
{
    (void)state;
    maillog_tls(&(struct maillog_tls){.trust = "Trusted",
                                      .direction = "from",
                                      .peer = "c[192.0.2.1]",
                                      .words = "TLSv1.3 with cipher X (1/2 bits)"});
    assert_string_equal(line, "Trusted TLS connection established from c[192.0.2.1]: "
                              "TLSv1.3 with cipher X (1/2 bits)");
    maillog_tls_failed("SSL_accept", "from", "c[192.0.2.1]", "-1");
    assert_string_equal(line, "SSL_accept error from c[192.0.2.1]: -1");
    maillog_tls_abort("c[192.0.2.1]", "No client certificate presented");
    assert_string_equal(line, "NOQUEUE: abort: TLS from c[192.0.2.1]: No client "
                              "certificate presented");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(input_that_came_too_early_is_shown_with_escapes),
        cmocka_unit_test(delays_have_two_digits),
        cmocka_unit_test(delivery_lines),
        cmocka_unit_test(deliveries_that_went_nowhere),
        cmocka_unit_test(session_lines),
        cmocka_unit_test(client_lines),
        cmocka_unit_test(reject_lines),
        cmocka_unit_test(content_lines),
        cmocka_unit_test(intake_lines),
        cmocka_unit_test(queue_lines),
        cmocka_unit_test(notice_lines),
        cmocka_unit_test(tls_lines),
    };
    log_divert(keep, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
