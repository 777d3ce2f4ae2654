/*
 * The server that takes no mail, with all tests on: whatever comes, nobody hears that a
 * recipient is accepted, each line of a reply begins with a code, what is held has a
 * limit, and what is answered does not depend on how the bytes come - but for commands
 * that came ahead of time, so that test is off.
 */
#include "fuzz.h"

#include "postscreen/engine.h"
#include "util/log.h"

enum { LINE_LIMIT = 512, WHOLE = 1 << 16 };

static void forget_log(void *context, enum log_level level, const char *text)
{
    (void)context, (void)level;
    HOLDS(strchr(text, '\n') == NULL);
}

static void check_replies(struct str replies)
{
    while (replies.n) {
        struct str line = str_until(&replies, '\n');

        HOLDS(line.n >= 5 && line.p[line.n - 1] == '\r');
        HOLDS(line.p[0] == '2' || line.p[0] == '4' || line.p[0] == '5');
        HOLDS(line.p[3] == ' ' || line.p[3] == '-');
        HOLDS(!str_starts(line, "250 2.1.5") && !str_starts(line, "354"));
    }
}

/* The engine that has heard it all, or has ended. */
static enum engine_result talk(struct engine *engine, const uint8_t *data, size_t size,
                               size_t step)
{
    enum engine_result result = ENGINE_GOES_ON;

    for (size_t at = 0; at < size && result == ENGINE_GOES_ON; at += step) {
        size_t n = step < size - at ? step : size - at;

        buf_add(&engine->in, data + at, n);
        result = engine_run(engine);
        HOLDS(result != ENGINE_GOES_ON || engine->in.n <= LINE_LIMIT);
        if (result == ENGINE_STARTS_TLS) {
            engine_forget(engine);
            engine->in_tls = true;
            HOLDS(engine->in.n == 0 && *engine->helo == '\0' && *engine->sender == '\0');
            break;
        }
    }
    return result;
}

static void begin(struct engine *engine, const struct engine_rules *rules)
{
    static const struct engine_client client = {"[192.0.2.1]:4321", "192.0.2.1", 4321};

    engine_init(engine, rules, &client);
    engine->testing = TESTS_DEEP & ~(1U << TEST_PIPELINING);
    engine_greet(engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf conf = {.myhostname = "mail.test",
                        .smtpd_banner = "mail.test ESMTP",
                        .line_length_limit = LINE_LIMIT,
                        .postscreen_command_count_limit = 20};
    struct test_rules tests = {.enabled = TESTS_DEEP,
                               .actions = {[TEST_NON_SMTP] = ACTION_ENFORCE}};
    struct tables *tables = tables_new_with(&(struct tables_options){0});
    struct engine_rules rules = {.conf = &conf,
                                 .tests = &tests,
                                 .reject_footer = "call $client_address",
                                 .offers_tls = true};
    struct engine whole, piecemeal;

    rules.forbidden_commands = match_list_open(tables, "x", "CONNECT GET POST", 0);
    memset(rules.reply_bytes, true, sizeof rules.reply_bytes);
    log_divert(forget_log, NULL);
    begin(&whole, &rules);
    begin(&piecemeal, &rules);
    HOLDS(talk(&whole, data, size, WHOLE) == talk(&piecemeal, data, size, 1));
    check_replies(buf_str(&whole.out));
    HOLDS(str_eq(buf_str(&whole.out), buf_str(&piecemeal.out)));
    HOLDS(whole.failed == piecemeal.failed && whole.ignored == piecemeal.ignored &&
          whole.reached_rcpt == piecemeal.reached_rcpt);
    engine_done(&whole);
    engine_done(&piecemeal);
    tables_free(tables);
    return 0;
}
