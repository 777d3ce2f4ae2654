/*
 * Reads commands, looks for what is no good manners, and has commands.c answer. The tests
 * end with the session: a client passes those that it has not failed when it has come to
 * a recipient.
 */
#include "postscreen/engine.h"

#include "mail/screenlog.h"
#include "postscreen/commands.h"
#include "postscreen/reply.h"
#include "util/log.h"

enum { READ_AHEAD = 1 << 20, OUT_MAX = 1 << 24 };

#define RULE_BREAKER "521 5.7.0 Error: I can break rules, too. Goodbye."

void engine_init(struct engine *engine, const struct engine_rules *rules,
                 const struct engine_client *client)
{
    *engine = (struct engine){.rules = rules,
                              .client = *client,
                              .discarded = &rules->discarded_keywords,
                              .refusal = ENGINE_REFUSAL_NOW,
                              .last = "CONNECT"};
    buf_init(&engine->in, (size_t)rules->conf->line_length_limit + READ_AHEAD);
    buf_init(&engine->out, OUT_MAX);
    engine_forget(engine);
}

void engine_done(struct engine *engine)
{
    buf_done(&engine->in);
    buf_done(&engine->out);
    arena_free(engine->names);
    arena_free(engine->transaction);
}

void engine_forget(struct engine *engine)
{
    arena_free(engine->names);
    arena_free(engine->transaction);
    engine->names = engine->transaction = NULL;
    engine->esmtp = engine->in_mail = false;
    engine->helo = engine->sender = "";
    buf_reset(&engine->in);
}

void engine_reply(struct engine *engine, const char *reply)
{
    reply_add(engine, reply, &engine->out);
}

void engine_tease(struct engine *engine)
{
    buf_printf(&engine->out, "220-%s\r\n", engine->rules->conf->postscreen_greet_banner);
}

void engine_greet(struct engine *engine)
{
    buf_printf(&engine->out, "220 %s\r\n", engine->rules->conf->smtpd_banner);
}

static enum engine_result over_limit(struct engine *engine, const char *which)
{
    struct arena *arena = arena_new("reply");

    screenlog_limit(engine->client.where, which, engine->last);
    engine_reply(engine,
                 arena_printf(arena, "421 %s Service unavailable - try again later",
                              engine->rules->conf->myhostname));
    arena_free(arena);
    return ENGINE_ENDS;
}

enum engine_result engine_timeout(struct engine *engine)
{
    struct arena *arena = arena_new("reply");

    screenlog_limit(engine->client.where, "TIME", engine->last);
    engine_reply(engine, arena_printf(arena, "421 4.4.2 %s Error: timeout exceeded",
                                      engine->rules->conf->myhostname));
    arena_free(arena);
    return ENGINE_ENDS;
}

/* --- tests ------------------------------------------------------------------------ */

/* One was not passed. True = hang up. */
static bool caught(struct engine *engine, enum test test)
{
    engine->testing &= ~(1U << test);
    switch (engine->rules->tests->actions[test]) {
    case ACTION_IGNORE:
        engine->ignored |= 1U << test;
        return false;
    case ACTION_ENFORCE:
        engine->failed = true;
        engine->refusal = ENGINE_PROTOCOL;
        return false;
    case ACTION_DROP:
        break;
    }
    engine->failed = true;
    return true;
}

static bool is_under_way(const struct engine *engine, enum test test)
{
    return engine->testing & 1U << test;
}

static bool ends_badly(struct engine *engine, struct str line, bool bare)
{
    if (!bare || !is_under_way(engine, TEST_BARE_NEWLINE))
        return false;
    screenlog_bare_newline(engine->client.where, line);
    return caught(engine, TEST_BARE_NEWLINE);
}

static bool is_ahead_of_time(struct engine *engine, const char *verb, struct str rest)
{
    if (rest.n == 0 || !is_under_way(engine, TEST_PIPELINING))
        return false;
    screenlog_pipelining(engine->client.where, verb, rest);
    return caught(engine, TEST_PIPELINING);
}

/* "Subject: hello": what a program says that takes its input for the DATA phase. */
static bool looks_like_header(struct str line)
{
    size_t n = 0;

    while (n < line.n && line.p[n] > ' ' && line.p[n] < 127 && line.p[n] != ':')
        n++;
    return n > 0 && n < line.n && line.p[n] == ':';
}

static bool is_forbidden(struct engine *engine, struct str verb, struct str line)
{
    struct fail why;
    int matches = match_string(engine->rules->forbidden_commands, verb, &why);

    if (matches < 0)
        log_warning("%s", why.text);
    return matches > 0 || looks_like_header(line);
}

static bool is_no_smtp(struct engine *engine, struct str verb, struct str line)
{
    if (!is_under_way(engine, TEST_NON_SMTP) || !is_forbidden(engine, verb, line))
        return false;
    screenlog_not_smtp(engine->client.where, engine->last, line);
    return caught(engine, TEST_NON_SMTP);
}

/* --- commands --------------------------------------------------------------------- */

/* postscreen_command_filter: another command in place of this one. */
static struct str filtered(struct engine *engine, struct str line, struct arena *arena)
{
    struct str other;
    struct fail why;

    switch (
        maps_lookup(engine->rules->command_filter, line, MAPS_ALL, arena, &other, &why)) {
    case TABLE_FOUND:
        screenlog_replaced(engine->client.where, line, other);
        return other;
    case TABLE_ERROR:
        log_warning("%s: the command stays as it is", why.text);
        break;
    case TABLE_NOT_FOUND:
        break;
    }
    return line;
}

static enum engine_result drop(struct engine *engine, const char *reply)
{
    engine_reply(engine, reply);
    return ENGINE_ENDS;
}

/* line: without its end; ahead: what came behind it. */
static enum engine_result take_line(struct engine *engine, struct str line,
                                    struct str ahead, struct arena *arena)
{
    const struct command *command;
    struct str rest, verb;
    enum engine_result result;

    line = rest = filtered(engine, str_trim_right(line), arena);
    verb = str_word(&rest, " \t");
    command = command_find(verb);
    if (!command && is_no_smtp(engine, verb, line))
        return drop(engine, RULE_BREAKER);
    if (is_ahead_of_time(engine, command ? command->verb : COMMAND_UNKNOWN, ahead))
        return drop(engine, ENGINE_DROP_PROTOCOL);
    if (command && command->ends_tests)
        engine->reached_rcpt = true;
    if (++engine->commands > engine->rules->conf->postscreen_command_count_limit)
        return over_limit(engine, "COUNT");
    if (!command) {
        engine_reply(engine, "502 5.5.2 Error: command not recognized");
        engine->last = COMMAND_UNKNOWN;
        return ENGINE_GOES_ON;
    }
    result = command_answer(engine, command, str_trim_left(rest), arena);
    engine->last = command->verb;
    return result;
}

static enum engine_result take_next(struct engine *engine, struct str *rest)
{
    size_t limit = (size_t)engine->rules->conf->line_length_limit;
    size_t end = str_find(*rest, '\n');
    struct str line = str_head(*rest, end);
    bool bare = !str_ends(line, "\r");
    struct arena *arena;
    enum engine_result result;

    if (end > limit)
        return over_limit(engine, "LENGTH");
    *rest = str_tail(*rest, end + 1);
    line = bare ? line : str_head(line, line.n - 1);
    if (ends_badly(engine, line, bare))
        return drop(engine, ENGINE_DROP_PROTOCOL);
    arena = arena_new("command");
    result = take_line(engine, line, *rest, arena);
    arena_free(arena);
    return result;
}

enum engine_result engine_run(struct engine *engine)
{
    struct str rest = buf_str(&engine->in);
    enum engine_result result = ENGINE_GOES_ON;

    while (result == ENGINE_GOES_ON && str_find(rest, '\n') < rest.n)
        result = take_next(engine, &rest);
    if (result == ENGINE_GOES_ON &&
        rest.n > (size_t)engine->rules->conf->line_length_limit)
        result = over_limit(engine, "LENGTH");
    buf_shift(&engine->in, engine->in.n - rest.n);
    return result;
}
