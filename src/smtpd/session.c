/*
 * The life of a session: greet, then read a command, look it up, answer, until
 * the client goes or must go. Replies to pipelined commands are collected and
 * written in one piece when no whole command is waiting (RFC 2920).
 *
 * What commands mean is decided in cmd_*.c; who may do what in restrict.c; who the
 * client is in caller.c; what replies look like in reply.c.
 */
#include "smtpd/session.h"

#include "smtpd/caller.h"
#include "smtpd/filters.h"
#include "smtpd/limits.h"
#include "smtpd/restrict.h"
#include "smtpd/session_tls.h"
#include "table/match.h"
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const count_names[COUNTED] = {
    "helo", "ehlo", "starttls", "auth", "mail", "rcpt", "data",
    "rset", "noop", "vrfy",     "etrn", "quit", "help", "unknown",
};

void session_trouble(struct session *session, enum trouble trouble)
{
    session->troubles |= trouble;
}

void session_forgive(struct session *session)
{
    session->errors = session->junk = session->troubles = 0;
}

/* What main.cf wants the postmaster to know. */
static void tell_postmaster(struct session *session)
{
    const struct transcript_notice notice = {
        .role = "SMTP server",
        .peer = session->client_text,
        .reason = session->reason,
        .classes = session->troubles & session->server->told_troubles,
    };
    struct fail why;

    if (notice.classes && transcript_send(&session->transcript, session->conf, &notice,
                                          session->server->cleanup, &why) < 0)
        log_warning("postmaster notice about %s: %s", session->client_text, why.text);
}

void session_new_chapter(struct session *session)
{
    if (session->transcript.lines <=
        (unsigned)session->conf->smtpd_history_flush_threshold)
        return;
    tell_postmaster(session);
    session->troubles = 0;
    transcript_reset(&session->transcript);
}

/* --- transactions ----------------------------------------------------------------- */

void transaction_reset(struct session *session)
{
    struct transaction *transaction = &session->transaction;
    struct arena *arena = transaction->arena;

    filters_abort(session);
    if (transaction->submission)
        submit_cancel(transaction->submission);
    arena_reset(arena);
    *transaction = (struct transaction){.arena = arena};
}

struct maillog_context session_log_context(const struct session *session,
                                           const char *recipient)
{
    return (struct maillog_context){
        .sender = session->transaction.open ? session->transaction.sender : NULL,
        .recipient = recipient,
        .proto = session->protocol,
        .helo = session->helo,
        .sasl_method = session->sasl_method,
        .sasl_username = session->sasl_username,
        .sasl_sender = session->transaction.sasl_sender,
    };
}

/* --- deadlines -------------------------------------------------------------------- */

void session_start_request(struct session *session)
{
    const struct conf *conf = session->conf;

    if (!conf->smtpd_per_request_deadline)
        return;
    session->deadline_ms = clock_ms(&clock_system) + conf->smtpd_timeout * 1000L;
    stream_set_deadline(session->stream, session->deadline_ms);
}

void session_progress(struct session *session, size_t bytes)
{
    const struct conf *conf = session->conf;
    int64_t most = clock_ms(&clock_system) + conf->smtpd_timeout * 1000L;
    int64_t rate = conf->smtpd_min_data_rate > 0 ? conf->smtpd_min_data_rate : 1;
    int64_t due = session->deadline_ms + (int64_t)bytes * 1000 / rate;

    session->deadline_ms = due < most ? due : most;
    stream_set_deadline(session->stream, session->deadline_ms);
}

/* --- the command loop ------------------------------------------------------------- */

/* May a line of that length be what it is? One of AUTH may be longer than others (RFC
 * 4954 section 4). */
static bool is_too_long(const struct session *session, struct str line)
{
    return line.n > (size_t)session->conf->line_length_limit &&
           !str_starts_nocase(line, "AUTH ");
}

/* Read one command line. *ret_whole: also when it is too long, it was read to its end. */
static enum stream_result read_command(struct session *session, struct str *ret,
                                       bool *ret_whole)
{
    const struct conf *conf = session->conf;
    int usual = conf->line_length_limit, auth = conf->smtpd_sasl_response_limit;
    size_t most = (size_t)(session->server->auth && auth > usual ? auth : usual);
    struct str buffered = stream_buffered(session->stream);
    enum stream_result result = STREAM_OK;

    if (str_find(buffered, '\n') == buffered.n)
        result = stream_flush(session->stream);
    if (result == STREAM_OK)
        result = stream_read_line(session->stream, most, ret, NULL);
    *ret_whole = result == STREAM_OK;
    return *ret_whole && is_too_long(session, *ret) ? STREAM_TOO_LONG : result;
}

/* A command line longer than the limit: its rest is read and dropped. */
enum stream_result session_skip_line(struct session *session)
{
    enum stream_result result;
    struct str rest;
    size_t dropped = 0;

    do {
        result = stream_read_line(session->stream,
                                  (size_t)session->conf->line_length_limit, &rest, NULL);
        dropped += rest.n;
    } while (result == STREAM_TOO_LONG && dropped < (1 << 20));
    return result == STREAM_TOO_LONG ? STREAM_ERROR : result;
}

static bool missing_step(struct session *session, unsigned needs)
{
    if ((needs & NEED_HELO) && session->conf->smtpd_helo_required && !session->helo)
        session_reply(session, REPLY_NEED_HELO);
    else if ((needs & NEED_NO_MAIL) && session->transaction.open)
        session_reply(session, REPLY_NESTED_MAIL);
    else if ((needs & NEED_MAIL) && !session->transaction.open)
        session_reply(session, REPLY_NEED_MAIL);
    else
        return false;
    return true;
}

/* "Subject: x" is no command: somebody's HTTP proxy or mail body has come here. */
static bool is_header_line(struct str line)
{
    size_t end = str_find_any(line, ": \t");

    return end > 0 && end < line.n && line.p[end] == ':';
}

/* Verbs that only other protocols use end the session at once (smtpd_forbidden_commands).
 */
static bool is_forbidden(struct session *session, struct str verb)
{
    struct fail why;
    int found = session->server->process->stand_alone
                    ? 0
                    : match_string(session->server->forbidden_commands, verb, &why);

    if (found < 0)
        log_warning("%s", why.text);
    return found > 0;
}

static void unknown_command(struct session *session, struct str verb, struct str line)
{
    session->where = "UNKNOWN";
    if (is_header_line(line) || is_forbidden(session, verb)) {
        maillog_not_smtp(session->client_text, line);
        session_reply(session, REPLY_NO_RULES);
        session->quit = session->failed = true;
    } else if (verb.n == 0) {
        session_reply(session, REPLY_BAD_SYNTAX);
    } else if (!filters_refuse_unknown(session, verb)) {
        session_reply(session, REPLY_UNKNOWN_COMMAND);
    }
}

static void count(struct session *session, enum counted counted)
{
    session->counts[counted].total++;
    session->commands++;
    if (!session->failed) {
        session->counts[counted].ok++;
        session->commands_ok++;
    }
}

/* Commands that do nothing for mail are errors once there are too many of them. */
static void count_junk(struct session *session, const struct command *command)
{
    if (command && (command->flags & COMMAND_JUNK) &&
        session->junk++ > (unsigned)session->conf->smtpd_junk_command_limit)
        session->errors++;
}

/* Input as far as it may be shown: not what is said behind AUTH. */
static struct str without_secrets(struct str ahead)
{
    struct str rest = ahead;

    while (rest.n) {
        struct str line = str_trim_left(str_until(&rest, '\n')), after = line;
        const struct command *command = command_find(str_word(&after, " \t\r"));

        if (command && (command->flags & COMMAND_SECRET))
            return str_head(ahead, (size_t)(line.p - ahead.p) + strlen(command->verb));
    }
    return ahead;
}

/*
 * Input that came before its time (RFC 2920 section 3.1): a client that does
 * not listen to answers is no mail client, or somebody is smuggling. True: the
 * client has its answer. At standard input there may be a whole script.
 */
bool session_is_impatient(struct session *session, struct str ahead)
{
    if (ahead.n == 0 || session->server->process->stand_alone)
        return false;
    if (!session->impatient)
        maillog_pipelining(session->where, session->client_text, without_secrets(ahead));
    session->impatient = true;
    if (!session->conf->smtpd_forbid_unauth_pipelining)
        return false;
    session_reply(session, REPLY_PIPELINED_EARLY);
    session->quit = true;
    return true;
}

/* May commands follow this one before it is answered? */
static bool may_be_followed(const struct session *session, const struct command *command)
{
    return (command->flags & COMMAND_IN_BATCH) && strcmp(session->protocol, "ESMTP") == 0;
}

/* Input behind a command, as the log may show it. */
static struct str input_ahead(const struct session *session,
                              const struct command *command)
{
    struct str ahead = stream_buffered(session->stream);

    return ahead.n && (command->flags & COMMAND_SECRET) ? STR("(not shown)") : ahead;
}

/*
 * A command line, as logs and notices may show it. Where somebody tries to log in, a line
 * that is no command may be what he would have said within AUTH.
 */
static struct str showable(struct session *session, struct str line)
{
    struct str rest = line, verb = str_word(&rest, " \t"), word = str_word(&rest, " \t");
    const struct command *command = command_find(verb);

    if (!command)
        return session->counts[COUNT_AUTH].total ? STR("(not shown)") : line;
    if (!(command->flags & COMMAND_SECRET) || str_trim(rest).n == 0)
        return line;
    return str_of(arena_printf(session->command, "%.*s %.20s (not shown)", STR_ARG(verb),
                               arena_copy_str(session->command, word)));
}

/* What smtpd_command_filter makes of a line; false = it can't be asked. */
static bool filter_command(struct session *session, struct str *line)
{
    struct str instead;
    struct fail why;

    if (session->server->process->stand_alone)
        return true;
    switch (maps_lookup(session->server->command_filter, *line, MAPS_ALL,
                        session->command, &instead, &why)) {
    case TABLE_ERROR:
        log_warning("%s", why.text);
        return false;
    case TABLE_FOUND:
        log_info("%s: replacing command \"%.100s\" with \"%.100s\"", session->client_text,
                 arena_copy_str(session->command, showable(session, *line)),
                 arena_copy_str(session->command, showable(session, instead)));
        *line = instead;
        return true;
    default:
        return true;
    }
}

static void run_command(struct session *session, struct str line)
{
    struct str argument, verb;
    const struct command *command;

    arena_reset(session->command);
    session->failed = false;
    if (!filter_command(session, &line)) {
        session_reply(session, REPLY_LOCAL_DATA_ERROR, session->conf->myhostname);
        return;
    }
    argument = line;
    verb = str_word(&argument, " \t");
    if (texts_has(&session->server->noop_commands, verb, true)) {
        /* compat: not counted, though it be a real one */
        session_reply(session, REPLY_OK);
        return;
    }
    command = command_find(verb);
    if (command) {
        if (!session->refused)
            session->where = command->verb;
        if (!may_be_followed(session, command) &&
            session_is_impatient(session, input_ahead(session, command)))
            session->reason = NULL;
        else if (session->refused && !(command->flags & COMMAND_SAYS_GOODBYE))
            session_reply(session, REPLY_REFUSED, session->client_text);
        else if (session->server->needs_tls && !session->tls &&
                 !(command->flags & COMMAND_IN_CLEAR))
            session_reply(session, REPLY_NEED_TLS);
        else if (!missing_step(session, command->needs))
            command->answer(session, str_trim(argument));
        count(session, command->counted);
    } else {
        unknown_command(session, verb, line);
        count(session, COUNT_UNKNOWN);
    }
    count_junk(session, command);
    if (session->failed)
        session->errors++;
}

void session_end_by(struct session *session, enum stream_result result)
{
    if (result == STREAM_TIMEOUT) {
        session->reason = "timeout";
        session_start_request(session); /* the answer has time of its own */
        session_reply(session, REPLY_TIMEOUT, session->conf->myhostname);
        (void)!stream_flush(session->stream);
    } else if (strcmp(session->where, "END-OF-MESSAGE") != 0) {
        /* compat: behind a message QUIT is a courtesy */
        session->reason = "lost connection";
    }
}

static void converse(struct session *session)
{
    while (!session->quit) {
        struct str line = STR("");
        enum stream_result result;
        bool whole;

        if (session->errors >= (unsigned)session->conf->smtpd_hard_error_limit) {
            session->reason = "too many errors";
            session_reply(session, REPLY_TOO_MANY_ERRORS, session->conf->myhostname);
            break;
        }
        session_start_request(session);
        result = read_command(session, &line, &whole);
        if (line.n || result == STREAM_OK)
            transcript_in(&session->transcript, showable(session, line));
        if (result == STREAM_TOO_LONG) {
            result = whole ? STREAM_OK : session_skip_line(session);
            if (result == STREAM_OK) {
                session->failed = false;
                session_reply(session, REPLY_BAD_SYNTAX);
                count(session, COUNT_UNKNOWN);
                session->errors++;
                continue;
            }
        }
        if (result != STREAM_OK) {
            session_end_by(session, result);
            return;
        }
        run_command(session, line);
    }
    session_start_request(session); /* the last words have time of their own */
    (void)!stream_flush(session->stream);
}

/* --- greeting and goodbye --------------------------------------------------------- */

/* Input before the greeting. */
static bool talks_first(struct session *session)
{
    struct str ahead;

    return stream_wait(session->stream, 0) &&
           stream_peek(session->stream, &ahead) == STREAM_OK &&
           session_is_impatient(session, ahead);
}

/* A refusal is a greeting as well. */
static void greet(struct session *session)
{
    if (limits_connect(session))
        return;
    session->refused =
        !session->conf->smtpd_delay_reject && restrict_stage(session, STAGE_CLIENT);
    if (!session->refused && !filters_connect(session) && !talks_first(session))
        session_reply(session, REPLY_BANNER, session->conf->smtpd_banner);
}

/* Who cannot be told from the load balancer in front of us is nobody's client. */
static void send_away(struct session *session)
{
    session_reply(session, REPLY_LOCAL_ERROR, session->conf->myhostname);
    session->quit = true;
}

static void add_counts(const struct session *session, struct buf *out)
{
    for (int i = 0; i < COUNTED; i++) {
        const struct counter *counter = &session->counts[i];

        if (counter->total == 0)
            continue;
        buf_printf(out, "%s=%u", count_names[i], counter->ok);
        if (counter->ok != counter->total)
            buf_printf(out, "/%u", counter->total);
        buf_add_char(out, ' ');
    }
    buf_printf(out, "commands=%u", session->commands_ok);
    if (session->commands_ok != session->commands || session->commands == 0)
        buf_printf(out, "/%u", session->commands);
}

static void say_goodbye(struct session *session)
{
    struct buf counts;

    if (session->reason)
        maillog_lost(session->reason, session->where, session->data_bytes,
                     session->client_text);
    tell_postmaster(session);
    buf_init(&counts, 1000);
    add_counts(session, &counts);
    maillog_disconnect(session->client_text, buf_text(&counts));
    buf_done(&counts);
}

void session_serve(struct client *client)
{
    struct server *server = client->process->state;
    bool told;
    struct session session = {
        .server = server,
        .conf = server->conf,
        .stream = client->stream,
        .arena = client->arena,
        .command = arena_new("command"),
        .peer = client->peer,
        .own = client->local,
        .protocol = "SMTP",
        .where = "CONNECT",
        .data_bytes = -1,
        .transaction.arena = arena_new("message"),
    };

    transcript_init(&session.transcript, server->conf->smtputf8_enable);
    stream_set_timeout(session.stream, server->conf->smtpd_timeout * 1000L);
    told = caller_is_told(&session);
    caller_name(&session);
    maillog_connect(session.client_text);
    caller_classify(&session);
    limits_begin(&session);
    if (!told)
        send_away(&session);
    else if (session_tls_wrap(&session))
        greet(&session);
    converse(&session);
    session_tls_end(&session);
    transaction_reset(&session);
    filters_end(&session);
    limits_disconnect(&session);
    say_goodbye(&session);
    transcript_done(&session.transcript);
    arena_free(session.transaction.arena);
    arena_free(session.command);
    arena_free(session.hello);
}
