/*
 * One function a command. They say what smtpd says, as far as it can be said without
 * taking mail; who names a sender and a recipient is refused, and logged.
 */
#include "postscreen/commands.h"

#include "mail/address.h"
#include "mail/path.h"
#include "mail/screenlog.h"
#include "postscreen/reply.h"
#include "util/log.h"

enum { NAME_MAX_BYTES = 2048 }; /* of HELO and of addresses, for the log */

static enum engine_result say(struct engine *engine, const char *reply)
{
    engine_reply(engine, reply);
    return ENGINE_GOES_ON;
}

/* --- HELO, EHLO ------------------------------------------------------------------- */

static void begin(struct engine *engine, struct str argument, bool esmtp)
{
    char *name;

    engine->in_mail = false;
    engine->sender = "";
    arena_free(engine->names);
    engine->names = arena_new("hello");
    name = arena_copy_str(engine->names,
                          str_head(str_word(&argument, " \t"), NAME_MAX_BYTES));
    log_make_printable(name);
    engine->helo = name;
    engine->esmtp = esmtp;
}

static enum engine_result answer_helo(struct engine *engine, struct str argument,
                                      struct arena *arena)
{
    if (argument.n == 0)
        return say(engine, "501 Syntax: HELO hostname");
    begin(engine, argument, false);
    return say(engine, arena_printf(arena, "250 %s", engine->rules->conf->myhostname));
}

static bool is_offered(const struct engine *engine, const char *keyword)
{
    if (strcmp(keyword, "STARTTLS") == 0 &&
        (!engine->rules->offers_tls || engine->in_tls))
        return false;
    return !texts_has(engine->discarded, str_of(keyword), true);
}

static void announce(struct engine *engine, struct arena *arena)
{
    static const char *const keywords[] = {
        "SIZE",     "VRFY", "ETRN",     "STARTTLS", "ENHANCEDSTATUSCODES",
        "8BITMIME", "DSN",  "SMTPUTF8", "CHUNKING"};
    const struct conf *conf = engine->rules->conf;
    struct texts lines = {0};

    texts_add(&lines, arena, conf->myhostname);
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        if (!is_offered(engine, keywords[i]))
            continue;
        texts_add(
            &lines, arena,
            i == 0 && conf->message_size_limit > 0
                ? arena_printf(arena, "SIZE %lld", (long long)conf->message_size_limit)
                : keywords[i]);
    }
    for (size_t i = 0; i < lines.n; i++)
        buf_printf(&engine->out, "250%c%s\r\n", i + 1 < lines.n ? '-' : ' ',
                   lines.items[i]);
}

static enum engine_result answer_ehlo(struct engine *engine, struct str argument,
                                      struct arena *arena)
{
    if (argument.n == 0)
        return say(engine, "501 Syntax: EHLO hostname");
    begin(engine, argument, true);
    announce(engine, arena);
    return ENGINE_GOES_ON;
}

/* --- envelope --------------------------------------------------------------------- */

static struct str within_brackets(struct str text)
{
    if (!str_starts(text, "<"))
        return str_word(&text, " \t");
    return str_until(&(struct str){text.p + 1, text.n - 1}, '>');
}

/* The address behind the first colon, in external form, for the log: whatever stands
 * there. */
static const char *address_shown(struct str argument, struct arena *arena)
{
    struct str text = str_trim(str_tail(argument, str_find(argument, ':') + 1));
    struct path path;
    struct fail ignored;
    char *shown;

    text = str_head(text, NAME_MAX_BYTES);
    if (path_parse(text, PATH_NULL_OK | PATH_UTF8_OK, arena, &path, &ignored) == 0)
        shown = address_external(arena, path.address);
    else
        shown = address_external(arena,
                                 str_of(address_internal(arena, within_brackets(text))));
    log_make_printable(shown);
    return shown;
}

static enum engine_result answer_mail(struct engine *engine, struct str argument,
                                      struct arena *arena)
{
    (void)arena;
    if (engine->rules->conf->postscreen_helo_required && *engine->helo == '\0')
        return say(engine, "503 5.5.1 Error: send HELO/EHLO first");
    if (engine->in_mail)
        return say(engine, "503 5.5.1 Error: nested MAIL command");
    if (str_find(argument, ':') == argument.n)
        return say(engine, "501 5.5.4 Syntax: MAIL FROM:<address>");
    arena_free(engine->transaction);
    engine->transaction = arena_new("transaction");
    engine->sender = address_shown(argument, engine->transaction);
    engine->in_mail = true;
    return say(engine, "250 2.1.0 Ok");
}

static enum engine_result answer_rcpt(struct engine *engine, struct str argument,
                                      struct arena *arena)
{
    if (!engine->in_mail)
        return say(engine, "503 5.5.1 Error: need MAIL command");
    if (str_find(argument, ':') == argument.n)
        return say(engine, "501 5.5.4 Syntax: RCPT TO:<address>");
    screenlog_reject(
        engine->client.where, reply_soften(engine->rules->conf, engine->refusal, arena),
        &(struct maillog_context){.sender = engine->sender,
                                  .recipient = address_shown(argument, arena),
                                  .proto = engine->esmtp ? "ESMTP" : "SMTP",
                                  .helo = engine->helo});
    return say(engine, engine->refusal);
}

static enum engine_result answer_rset(struct engine *engine, struct str argument,
                                      struct arena *arena)
{
    (void)argument;
    (void)arena;
    engine->in_mail = false;
    engine->sender = "";
    return say(engine, "250 2.0.0 Ok");
}

/* --- content: nobody gets so far -------------------------------------------------- */

/* Behind these comes what is no command. */
static enum engine_result refuse_content(struct engine *engine, const char *verb,
                                         const char *syntax)
{
    screenlog_no_recipients(engine->client.where, verb);
    engine_reply(engine, syntax            ? syntax
                         : engine->in_mail ? "554 5.5.1 Error: no valid recipients"
                                           : "503 5.5.1 Error: need RCPT command");
    return ENGINE_ENDS;
}

static enum engine_result answer_data(struct engine *engine, struct str argument,
                                      struct arena *arena)
{
    (void)arena;
    return refuse_content(engine, "DATA", argument.n ? "501 5.5.4 Syntax: DATA" : NULL);
}

static enum engine_result answer_bdat(struct engine *engine, struct str argument,
                                      struct arena *arena)
{
    (void)arena;
    return refuse_content(engine, "BDAT",
                          argument.n ? NULL : "501 5.5.4 Syntax: BDAT count [LAST]");
}

/* --- others ----------------------------------------------------------------------- */

static enum engine_result answer_noop(struct engine *engine, struct str argument,
                                      struct arena *arena)
{
    (void)argument;
    (void)arena;
    return say(engine, "250 2.0.0 Ok");
}

static enum engine_result answer_vrfy(struct engine *engine, struct str argument,
                                      struct arena *arena)
{
    (void)arena;
    if (engine->rules->conf->postscreen_disable_vrfy_command)
        return say(engine, "502 5.5.1 VRFY command is disabled");
    return say(engine, argument.n ? engine->refusal : "501 5.5.4 Syntax: VRFY address");
}

static enum engine_result answer_etrn(struct engine *engine, struct str argument,
                                      struct arena *arena)
{
    (void)arena;
    return say(engine,
               argument.n ? "458 Unable to queue messages" : "500 Syntax: ETRN domain");
}

static enum engine_result answer_quit(struct engine *engine, struct str argument,
                                      struct arena *arena)
{
    (void)argument;
    (void)arena;
    engine_reply(engine, "221 2.0.0 Bye");
    return ENGINE_ENDS;
}

/* What came behind STARTTLS was sent in the clear, by whomever: who has more to say
 * already does not get TLS. */
static enum engine_result answer_starttls(struct engine *engine, struct str argument,
                                          struct arena *arena)
{
    (void)arena;
    if (!is_offered(engine, "STARTTLS"))
        return say(engine, engine->in_tls ? "554 5.5.1 Error: TLS already active"
                                          : "502 5.5.1 Error: command not implemented");
    if (argument.n)
        return say(engine, "501 5.5.4 Syntax: STARTTLS");
    return ENGINE_STARTS_TLS;
}

/* clang-format off */
static const struct command commands[] = {
    {"HELO",     answer_helo,     false, true},
    {"EHLO",     answer_ehlo,     false, true},
    {"STARTTLS", answer_starttls, false, true},
    {"MAIL",     answer_mail,     false, false},
    {"RCPT",     answer_rcpt,     true,  false},
    {"DATA",     answer_data,     false, false},
    {"BDAT",     answer_bdat,     false, false},
    {"RSET",     answer_rset,     false, false},
    {"NOOP",     answer_noop,     false, true},
    {"VRFY",     answer_vrfy,     false, false},
    {"ETRN",     answer_etrn,     false, false},
    {"QUIT",     answer_quit,     false, true},
};
/* clang-format on */

const struct command *command_find(struct str verb)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (str_is_nocase(verb, commands[i].verb))
            return &commands[i];
    return NULL;
}

enum engine_result command_answer(struct engine *engine, const struct command *command,
                                  struct str argument, struct arena *arena)
{
    if (engine->rules->needs_tls && !engine->in_tls && !command->in_clear)
        return say(engine, "530 5.7.0 Must issue a STARTTLS command first");
    return command->answer(engine, argument, arena);
}
