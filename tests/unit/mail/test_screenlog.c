/* mail/screenlog.c: the lines that tools parse. */
#include "unit.h"

#include "mail/screenlog.h"
#include "util/log.h"

static char last[2100];

static void keep(void *context, enum log_level level, const char *text)
{
    (void)context;
    (void)level;
    snprintf(last, sizeof last, "%s", text);
}

#define C "[192.0.2.1]:4321"
#define LOGS(call, want)                                                                 \
    do {                                                                                 \
        call;                                                                            \
        assert_string_equal(last, want);                                                 \
    } while (0)

static void visits(void **state)
{
    (void)state;
    LOGS(screenlog_connect(C, "[192.0.2.2]:25"),
         "CONNECT from [192.0.2.1]:4321 to [192.0.2.2]:25");
    LOGS(screenlog_disconnect(C), "DISCONNECT [192.0.2.1]:4321");
    LOGS(screenlog_pass(C, true), "PASS NEW [192.0.2.1]:4321");
    LOGS(screenlog_pass(C, false), "PASS OLD [192.0.2.1]:4321");
    LOGS(screenlog_listed(C, true, false), "ALLOWLISTED [192.0.2.1]:4321");
    LOGS(screenlog_listed(C, false, false), "DENYLISTED [192.0.2.1]:4321");
    LOGS(screenlog_listed(C, true, true), "WHITELISTED [192.0.2.1]:4321");
    LOGS(screenlog_listed(C, false, true), "BLACKLISTED [192.0.2.1]:4321");
    LOGS(screenlog_veto(C, false), "ALLOWLIST VETO [192.0.2.1]:4321");
    LOGS(screenlog_veto(C, true), "WHITELIST VETO [192.0.2.1]:4321");
    LOGS(screenlog_refused(C, "too many connections"),
         "NOQUEUE: reject: CONNECT from [192.0.2.1]:4321: too many connections");
    LOGS(screenlog_busy(C),
         "reject: connect from [192.0.2.1]:4321: all screening ports busy");
    LOGS(screenlog_stress(true, 90), "entering STRESS mode with 90 connections");
    LOGS(screenlog_stress(false, 70), "leaving STRESS mode with 70 connections");
}

static void tests(void **state)
{
    (void)state;
    LOGS(screenlog_rank(C, 8), "DNSBL rank 8 for [192.0.2.1]:4321");
    LOGS(screenlog_pregreet(C, 7, STR("EHLO \1\xff\n"), 0.127),
         "PREGREET 7 after 0.13 from [192.0.2.1]:4321: EHLO \\001\\377\\n");
    LOGS(screenlog_hangup(C, false, 0.001),
         "HANGUP after 0 from [192.0.2.1]:4321 in tests before SMTP handshake");
    LOGS(screenlog_hangup(C, true, 30),
         "HANGUP after 30 from [192.0.2.1]:4321 in tests after SMTP handshake");
    LOGS(screenlog_bare_newline(C, STR("EHLO x")),
         "BARE NEWLINE from [192.0.2.1]:4321 after EHLO x");
    LOGS(screenlog_pipelining(C, "EHLO", STR("MAIL FROM:<>\r\n")),
         "COMMAND PIPELINING from [192.0.2.1]:4321 after EHLO: MAIL FROM:<>\\r\\n");
    LOGS(screenlog_not_smtp(C, "CONNECT", STR("GET / HTTP/1.0")),
         "NON-SMTP COMMAND from [192.0.2.1]:4321 after CONNECT: GET / HTTP/1.0");
    LOGS(screenlog_limit(C, "TIME", "EHLO"),
         "COMMAND TIME LIMIT from [192.0.2.1]:4321 after EHLO");
    LOGS(screenlog_no_recipients(C, "DATA"),
         "DATA without valid RCPT from [192.0.2.1]:4321");
    LOGS(screenlog_discarding("192.0.2.1", 4321, " VRFY"),
         "[192.0.2.1]4321: discarding EHLO keywords: VRFY");
    LOGS(screenlog_replaced(C, STR("x y"), STR("HELO z")),
         "[192.0.2.1]:4321: replacing command \"x y\" with \"HELO z\"");
    LOGS(screenlog_reject(C, "450 4.3.2 Service currently unavailable",
                          &(struct maillog_context){.sender = "a@b.test",
                                                    .recipient = "c@d.test",
                                                    .proto = "ESMTP",
                                                    .helo = "x"}),
         "NOQUEUE: reject: RCPT from [192.0.2.1]:4321: 450 4.3.2 Service currently "
         "unavailable; from=<a@b.test>, to=<c@d.test>, proto=ESMTP, helo=<x>");
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(visits),
        cmocka_unit_test(tests),
    };
    int failed;

    log_divert(keep, NULL);
    failed = cmocka_run_group_tests(all, NULL, NULL);
    log_divert(NULL, NULL);
    return failed;
}
