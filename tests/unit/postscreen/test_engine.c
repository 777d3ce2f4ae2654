/* postscreen/engine.c, commands.c, reply.c: what is said, what is caught, what is held.
 */
#include "unit.h"

#include "postscreen/engine.h"
#include "util/log.h"

/* A talk with an engine that looks for everything. */
struct talk {
    struct conf conf;
    struct test_rules tests;
    struct engine_rules rules;
    struct engine engine;
    struct tables *tables;
    char log[4000];
};

static void keep_log(void *context, enum log_level level, const char *text)
{
    struct talk *talk = context;
    size_t n = strlen(talk->log);

    (void)level;
    snprintf(talk->log + n, sizeof talk->log - n, "%s|", text);
}

static void begin(struct talk *talk, enum action action)
{
    static const struct engine_client client = {"[192.0.2.1]:4321", "192.0.2.1", 4321};

    *talk = (struct talk){0};
    talk->conf.myhostname = "mail.test";
    talk->conf.line_length_limit = 512;
    talk->conf.postscreen_command_count_limit = 20;
    talk->tests.enabled = TESTS_DEEP;
    for (size_t i = 0; i < TESTS; i++)
        talk->tests.actions[i] = action;
    talk->tables = tables_new_with(&(struct tables_options){0});
    talk->rules = (struct engine_rules){
        .conf = &talk->conf, .tests = &talk->tests, .reject_footer = ""};
    talk->rules.forbidden_commands =
        match_list_open(talk->tables, "postscreen_forbidden_commands", "GET, POST", 0);
    memset(talk->rules.reply_bytes, true, sizeof talk->rules.reply_bytes);
    engine_init(&talk->engine, &talk->rules, &client);
    talk->engine.testing = TESTS_DEEP;
    log_divert(keep_log, talk);
}

static void end(struct talk *talk)
{
    log_divert(NULL, NULL);
    engine_done(&talk->engine);
    tables_free(talk->tables);
}

/* Input as one read; the replies to it. */
static enum engine_result say(struct talk *talk, const char *input)
{
    buf_reset(&talk->engine.out);
    buf_add_text(&talk->engine.in, input);
    return engine_run(&talk->engine);
}

#define HEARS(talk, input, result, reply)                                                \
    do {                                                                                 \
        assert_int_equal(say(talk, input), result);                                      \
        assert_string_equal((talk)->engine.out.n ? buf_text(&(talk)->engine.out) : "",   \
                            reply);                                                      \
    } while (0)

#define GOES_ON ENGINE_GOES_ON
#define ENDS    ENGINE_ENDS

static const struct {
    const char *input, *reply;
    enum engine_result result;
} lines[] = {
    {"HELO x.test\r\n", "250 mail.test\r\n", GOES_ON},
    {"helo\r\n", "501 Syntax: HELO hostname\r\n", GOES_ON},
    {"EHLO\r\n", "501 Syntax: EHLO hostname\r\n", GOES_ON},
    {"MAIL FROM:<a@b.test>\r\n", "250 2.1.0 Ok\r\n", GOES_ON},
    {"MAIL\r\n", "501 5.5.4 Syntax: MAIL FROM:<address>\r\n", GOES_ON},
    {"RCPT TO:<a@b.test>\r\n", "503 5.5.1 Error: need MAIL command\r\n", GOES_ON},
    {"DATA\r\n", "503 5.5.1 Error: need RCPT command\r\n", ENDS},
    {"DATA x\r\n", "501 5.5.4 Syntax: DATA\r\n", ENDS},
    {"BDAT 3\r\n", "503 5.5.1 Error: need RCPT command\r\n", ENDS},
    {"BDAT\r\n", "501 5.5.4 Syntax: BDAT count [LAST]\r\n", ENDS},
    {"NOOP x\r\n", "250 2.0.0 Ok\r\n", GOES_ON},
    {"VRFY\r\n", "501 5.5.4 Syntax: VRFY address\r\n", GOES_ON},
    {"VRFY joe\r\n", "450 4.3.2 Service currently unavailable\r\n", GOES_ON},
    {"ETRN x.test\r\n", "458 Unable to queue messages\r\n", GOES_ON},
    {"STARTTLS\r\n", "502 5.5.1 Error: command not implemented\r\n", GOES_ON},
    {"AUTH PLAIN AGEAYg==\r\n", "502 5.5.2 Error: command not recognized\r\n", GOES_ON},
    {"XCLIENT NAME=x\r\n", "502 5.5.2 Error: command not recognized\r\n", GOES_ON},
    {"\r\n", "502 5.5.2 Error: command not recognized\r\n", GOES_ON},
    {"QUIT\r\n", "221 2.0.0 Bye\r\n", ENDS},
    {"QUI", "", GOES_ON},
};

static void each_command_has_an_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(lines); i++) {
        struct talk talk;

        begin(&talk, ACTION_ENFORCE);
        ROW_INT(lines[i].input, say(&talk, lines[i].input), lines[i].result);
        ROW_TEXT(lines[i].input, talk.engine.out.n ? buf_text(&talk.engine.out) : "",
                 lines[i].reply);
        assert_false(talk.engine.failed);
        end(&talk);
    }
}

static void a_recipient_is_refused_and_logged(void **state)
{
    struct talk talk;

    (void)state;
    begin(&talk, ACTION_ENFORCE);
    say(&talk, "EHLO x.test\r\n");
    say(&talk, "MAIL FROM:<\"a b\"@c.test> SIZE=1\r\n");
    assert_false(talk.engine.reached_rcpt);
    HEARS(&talk, "RCPT TO:<@x.test:joe@d.test>\r\n", GOES_ON,
          "450 4.3.2 Service currently unavailable\r\n");
    assert_true(talk.engine.reached_rcpt);
    assert_string_equal(talk.log,
                        "NOQUEUE: reject: RCPT from [192.0.2.1]:4321: 450 4.3.2 Service "
                        "currently unavailable; from=<\"a b\"@c.test>, "
                        "to=<joe@d.test>, proto=ESMTP, helo=<x.test>|");
    HEARS(&talk, "DATA\r\n", ENDS, "554 5.5.1 Error: no valid recipients\r\n");
    end(&talk);
}

static const struct {
    const char *input, *log, *reply;
    enum action action;
    enum engine_result result;
    bool failed;
    unsigned ignored;
} manners[] = {
    {"NOOP\n", "BARE NEWLINE from [192.0.2.1]:4321 after NOOP|", "250 2.0.0 Ok\r\n",
     ACTION_IGNORE, GOES_ON, false, 1 << TEST_BARE_NEWLINE},
    {"NOOP\n", "BARE NEWLINE from [192.0.2.1]:4321 after NOOP|", "250 2.0.0 Ok\r\n",
     ACTION_ENFORCE, GOES_ON, true, 0},
    {"NOOP\n", "BARE NEWLINE from [192.0.2.1]:4321 after NOOP|",
     "521 5.5.1 Protocol error\r\n", ACTION_DROP, ENDS, true, 0},
    {"NOOP\r\nRSET\r\n",
     "COMMAND PIPELINING from [192.0.2.1]:4321 after NOOP: RSET\\r\\n|",
     "250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n", ACTION_ENFORCE, GOES_ON, true, 0},
    {"NOOP\r\nRSET\r\n",
     "COMMAND PIPELINING from [192.0.2.1]:4321 after NOOP: RSET\\r\\n|",
     "521 5.5.1 Protocol error\r\n", ACTION_DROP, ENDS, true, 0},
    {"get / HTTP/1.0\r\n",
     "NON-SMTP COMMAND from [192.0.2.1]:4321 after CONNECT: get / HTTP/1.0|",
     "502 5.5.2 Error: command not recognized\r\n", ACTION_IGNORE, GOES_ON, false,
     1 << TEST_NON_SMTP},
    {"Subject: x\r\n",
     "NON-SMTP COMMAND from [192.0.2.1]:4321 after CONNECT: Subject: x|",
     "521 5.7.0 Error: I can break rules, too. Goodbye.\r\n", ACTION_DROP, ENDS, true, 0},
    {"NOOP: x\r\n", "NON-SMTP COMMAND from [192.0.2.1]:4321 after CONNECT: NOOP: x|",
     "502 5.5.2 Error: command not recognized\r\n", ACTION_ENFORCE, GOES_ON, true, 0},
    {"FOO\r\n", "", "502 5.5.2 Error: command not recognized\r\n", ACTION_DROP, GOES_ON,
     false, 0},
};

static void bad_manners_are_caught(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(manners); i++) {
        struct talk talk;

        begin(&talk, manners[i].action);
        ROW_INT(manners[i].input, say(&talk, manners[i].input), manners[i].result);
        ROW_TEXT(manners[i].input, buf_text(&talk.engine.out), manners[i].reply);
        ROW_TEXT(manners[i].input, talk.log, manners[i].log);
        ROW_INT(manners[i].input, talk.engine.failed, manners[i].failed);
        ROW_INT(manners[i].input, talk.engine.ignored, manners[i].ignored);
        end(&talk);
    }
}

static void each_failing_is_told_once(void **state)
{
    struct talk talk;

    (void)state;
    begin(&talk, ACTION_ENFORCE);
    say(&talk, "NOOP\nNOOP\nNOOP\n");
    assert_string_equal(
        talk.log, "BARE NEWLINE from [192.0.2.1]:4321 after NOOP|COMMAND PIPELINING "
                  "from [192.0.2.1]:4321 after NOOP: NOOP\\nNOOP\\n|");
    end(&talk);
}

static void commands_have_limits(void **state)
{
    struct talk talk;
    char line[2000];

    (void)state;
    begin(&talk, ACTION_IGNORE);
    talk.conf.postscreen_command_count_limit = 2;
    say(&talk, "NOOP\r\n");
    say(&talk, "FOO\r\n");
    HEARS(&talk, "NOOP\r\n", ENDS,
          "421 mail.test Service unavailable - try again later\r\n");
    assert_string_equal(talk.log,
                        "COMMAND COUNT LIMIT from [192.0.2.1]:4321 after UNKNOWN|");
    end(&talk);
    begin(&talk, ACTION_IGNORE);
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    HEARS(&talk, line, ENDS, "421 mail.test Service unavailable - try again later\r\n");
    assert_string_equal(talk.log,
                        "COMMAND LENGTH LIMIT from [192.0.2.1]:4321 after CONNECT|");
    end(&talk);
    begin(&talk, ACTION_IGNORE);
    assert_int_equal(engine_timeout(&talk.engine), ENDS);
    assert_string_equal(buf_text(&talk.engine.out),
                        "421 4.4.2 mail.test Error: timeout exceeded\r\n");
    end(&talk);
}

static const struct {
    const char *footer, *reply;
    bool soft;
} footers[] = {
    {"", "502 5.5.2 Error: command not recognized\r\n", false},
    {"", "402 4.5.2 Error: command not recognized\r\n", true},
    {"call us", "502-5.5.2 Error: command not recognized\r\n502 5.5.2 call us\r\n",
     false},
    {"\\c, call\\nus",
     "502-5.5.2 Error: command not recognized, call\r\n502 5.5.2 us\r\n", false},
    {"$client_address:$client_port at $server_name",
     "502-5.5.2 Error: command not recognized\r\n502 5.5.2 192.0.2.1:4321 at "
     "mail.test\r\n",
     false},
    {"${client_address", "502 5.5.2 Error: command not recognized\r\n", false},
};

static void refusals_have_a_footer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(footers); i++) {
        struct talk talk;

        begin(&talk, ACTION_IGNORE);
        talk.rules.reject_footer = footers[i].footer;
        talk.conf.soft_bounce = footers[i].soft;
        say(&talk, "FOO\r\n");
        ROW_TEXT(footers[i].footer, buf_text(&talk.engine.out), footers[i].reply);
        end(&talk);
    }
}

static void what_came_in_the_clear_is_forgotten(void **state)
{
    struct talk talk;

    (void)state;
    begin(&talk, ACTION_IGNORE);
    talk.rules.offers_tls = talk.rules.needs_tls = true;
    HEARS(&talk, "MAIL FROM:<a@b.test>\r\n", GOES_ON,
          "530 5.7.0 Must issue a STARTTLS command first\r\n");
    HEARS(&talk, "STARTTLS x\r\n", GOES_ON, "501 5.5.4 Syntax: STARTTLS\r\n");
    HEARS(&talk, "STARTTLS\r\nMAIL FROM:<injected@b.test>\r\n", ENGINE_STARTS_TLS, "");
    assert_int_equal(talk.engine.ignored, 1 << TEST_PIPELINING);
    engine_forget(&talk.engine);
    talk.engine.in_tls = true;
    HEARS(&talk, "RCPT TO:<joe@b.test>\r\n", GOES_ON,
          "503 5.5.1 Error: need MAIL command\r\n");
    HEARS(&talk, "STARTTLS\r\n", GOES_ON, "554 5.5.1 Error: TLS already active\r\n");
    end(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_command_has_an_answer),
        cmocka_unit_test(a_recipient_is_refused_and_logged),
        cmocka_unit_test(bad_manners_are_caught),
        cmocka_unit_test(each_failing_is_told_once),
        cmocka_unit_test(commands_have_limits),
        cmocka_unit_test(refusals_have_a_footer),
        cmocka_unit_test(what_came_in_the_clear_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
