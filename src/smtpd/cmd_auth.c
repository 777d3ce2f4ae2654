/*
 * AUTH (RFC 4954): passes what client and mechanism say to each other, until one of them
 * has enough. What the client says here is a secret: it is in no log, notice or arena,
 * and is cleared where it was read.
 */
#include "smtpd/limits.h"
#include "smtpd/login.h"
#include "smtpd/session.h"
#include "util/log.h"

/* May the client log in now? If not, it has its answer. */
static bool may_begin(struct session *session)
{
    if (!login_is_enabled(session))
        session_reply(session, REPLY_AUTH_DISABLED);
    else if (session->transaction.open)
        session_reply(session, REPLY_AUTH_IN_MAIL);
    else if (session->sasl_username)
        session_reply(session, REPLY_AUTH_TWICE);
    else
        return !limits_exceeded(session, CLIENT_AUTH);
    return false;
}

static void complain_too_long(struct session *session)
{
    log_warning("%s: request longer than %d", session->client_text,
                session->conf->smtpd_sasl_response_limit);
    session_reply(session, REPLY_AUTH_TOO_LONG);
}

/* The response to a challenge. False = there is none, and the client has its answer, or
 * is gone. */
static bool read_response(struct session *session, const char *mechanism, struct str *ret)
{
    struct stream *stream = session->stream;
    size_t limit = (size_t)session->conf->smtpd_sasl_response_limit;
    enum stream_result result;

    session_start_request(session);
    result = stream_flush(stream);
    if (result == STREAM_OK)
        result = stream_read_line(stream, limit, ret, NULL);
    if (result == STREAM_TOO_LONG && (result = session_skip_line(session)) == STREAM_OK) {
        complain_too_long(session);
        return false;
    }
    if (result != STREAM_OK) {
        session_end_by(session, result);
        session->quit = session->failed = true;
        return false;
    }
    transcript_in(&session->transcript, str_is(*ret, "*") ? *ret : STR("(not shown)"));
    if (stream_buffered(stream).n && session_is_impatient(session, STR("(not shown)")))
        return false;
    if (!str_is(*ret, "*"))
        return true;
    maillog_auth_aborted(session->client_text, mechanism);
    session_reply(session, REPLY_AUTH_ABORTED);
    return false;
}

/* Until the mechanism has enough. AUTH_MORE: the client has given up. */
static enum auth_result talk(struct session *session, struct auth *auth,
                             enum auth_result result, const char *mechanism,
                             struct auth_answer *answer)
{
    struct str response;

    while (result == AUTH_MORE) {
        session_reply(session, REPLY_AUTH_MORE, answer->challenge);
        if (!read_response(session, mechanism, &response))
            break;
        result = auth_continue(auth, response, answer);
        stream_wipe(session->stream);
    }
    return result;
}

static void refuse(struct session *session, enum auth_result result,
                   const char *mechanism, const struct auth_answer *answer)
{
    maillog_auth_failed(session->client_text, mechanism, answer->reason, answer->user);
    session_reply(session, result == AUTH_UNSURE ? REPLY_AUTH_UNSURE : REPLY_AUTH_FAILED,
                  answer->reason);
}

/* It is not offered, or whether it is can't be said now. */
static void refuse_mechanism(struct session *session, const char *mechanism, bool unsure)
{
    const struct auth_answer answer = {
        .reason = unsure ? "Connection lost to authentication server"
                         : arena_printf(session->command,
                                        "Invalid authentication mechanism: '%.100s'",
                                        mechanism)};

    refuse(session, unsure ? AUTH_UNSURE : AUTH_FAILED, mechanism, &answer);
}

static void log_in(struct session *session, const char *given, const char *mechanism,
                   const struct str *initial)
{
    struct auth auth = {.server = session->server->auth,
                        .facts = login_facts(session),
                        .arena = session->command};
    struct auth_answer answer;
    enum auth_result result = auth_begin(&auth, mechanism, initial, &answer);

    stream_wipe(session->stream);
    result = talk(session, &auth, result, given, &answer);
    if (result == AUTH_PASSED) {
        session->sasl_method = arena_copy(session->arena, given);
        session->sasl_username = arena_copy(session->arena, answer.user);
        session_reply(session, REPLY_AUTH_OK);
    } else if (result != AUTH_MORE) {
        refuse(session, result, given, &answer);
    }
    auth_end(&auth);
    stream_wipe(session->stream);
}

void answer_auth(struct session *session, struct str argument)
{
    struct str name, initial;
    const char *mechanism;
    char *given;
    bool unsure;

    if (!may_begin(session))
        return;
    name = str_word(&argument, " \t");
    initial = str_word(&argument, " \t");
    if (name.n == 0 || str_trim(argument).n) {
        session_reply(session, REPLY_AUTH_SYNTAX);
        return;
    }
    given = arena_copy_str(session->command, name);
    log_make_printable(given);
    mechanism = login_mechanism(session, name, &unsure);
    if (mechanism)
        log_in(session, given, mechanism, initial.n ? &initial : NULL);
    else
        refuse_mechanism(session, given, unsure);
}
