/*
 * From a host to a session that is ready for mail. Whatever goes wrong until
 * then concerns the host, not the message: the next host is tried, and only
 * when there is none are recipients deferred. A refusal of our hello and a
 * host that turns out to be ourselves are final.
 */
#include "client/session.h"

#include "client/xforward.h"
#include "net/connect.h"
#include "util/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void session_set_timeout(struct session *session, int seconds)
{
    session->timeout_s = seconds;
    stream_set_timeout(session->stream, seconds > 0 ? (int64_t)seconds * 1000 : -1);
}

enum stream_result session_exchange(struct session *session, struct arena *arena,
                                    struct reply *ret)
{
    enum stream_result result = STREAM_OK;

    if (stream_pending(session->stream) > 0)
        result = stream_flush(session->stream);
    if (result == STREAM_OK && session->timeout_s > 0)
        stream_set_deadline(session->stream,
                            clock_ms(&clock_system) + (int64_t)session->timeout_s * 1000);
    if (result == STREAM_OK)
        result = reply_read(session->stream, arena, ret);
    stream_set_deadline(session->stream, 0);
    if (result != STREAM_OK)
        session->broken = true;
    return result;
}

struct outcome session_lost(const struct session *session, enum stream_result result,
                            const char *stage, struct arena *arena)
{
    struct outcome outcome;

    if (result == STREAM_TIMEOUT)
        outcome = outcome_make(arena, "4.4.2", "conversation with %s timed out while %s",
                               session->label, stage);
    else
        outcome = outcome_make(arena, "4.4.2", "lost connection with %s while %s",
                               session->label, stage);
    outcome.relay = session->relay;
    return outcome;
}

/* A reply as outcome; words and command around its text. */
static struct outcome outcome_of_reply(const struct session *session,
                                       const struct reply *reply, struct arena *arena,
                                       const char *text)
{
    /* compat: an answer that makes no sense is a refusal for good */
    const char *status =
        reply_class(reply) == 4 || reply_class(reply) == 5 ? reply->status : "5.5.0";
    struct outcome outcome = outcome_make(arena, status, "%s", text);

    outcome.relay = session->relay;
    outcome.remote_mta = session->host;
    outcome.diagnostic_type = "smtp";
    outcome.diagnostic_text = reply_line(reply, arena);
    return outcome;
}

struct outcome session_said(const struct session *session, const struct reply *reply,
                            const char *command, struct arena *arena)
{
    return outcome_of_reply(
        session, reply, arena,
        arena_printf(arena, "host %s said: %s (in reply to %s command)", session->label,
                     reply_line(reply, arena), command));
}

/* "host H[A] refused to talk to me: REPLY": the next host may be kinder. */
static enum session_end refused(const struct session *session, const struct reply *reply,
                                bool for_good, struct arena *arena, struct outcome *ret)
{
    *ret = outcome_of_reply(session, reply, arena,
                            arena_printf(arena, "host %s refused to talk to me: %s",
                                         session->label, reply_line(reply, arena)));
    if (for_good && ret->result == OUTCOME_BOUNCED)
        return SESSION_HOPELESS;
    outcome_soften(ret);
    return SESSION_REFUSED;
}

void session_warn(const struct session *session, const char *format, ...)
{
    char text[1000];
    va_list args;

    if (session->settings->warn == NULL)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    session->settings->warn(text);
}

/* --- hello ------------------------------------------------------------------ */

/* In the order in which Postfix names them in its log. */
static const struct {
    const char *keyword;
    unsigned bit;
} features[] = {
    {"8BITMIME", FEATURE_8BITMIME},
    {"AUTH", FEATURE_AUTH},
    {"ETRN", FEATURE_ETRN},
    {"PIPELINING", FEATURE_PIPELINING},
    {"SIZE", FEATURE_SIZE},
    {"VERP", FEATURE_VERP},
    {"VRFY", FEATURE_VRFY},
    {"XCLIENT", FEATURE_XCLIENT},
    {"XFORWARD", FEATURE_XFORWARD},
    {"STARTTLS", FEATURE_STARTTLS},
    {"ENHANCEDSTATUSCODES", FEATURE_ENHANCED_CODES},
    {"DSN", FEATURE_DSN},
    {"SMTPUTF8", FEATURE_SMTPUTF8},
    {"CHUNKING", FEATURE_CHUNKING},
};

unsigned client_feature_bit(struct str keyword)
{
    for (size_t i = 0; i < COUNT(features); i++)
        if (str_is_nocase(keyword, features[i].keyword))
            return features[i].bit;
    return 0;
}

/* "SIZE", "SIZE 0" and a number beyond all sense set no limit: RFC 1870. */
static void note_size_limit(struct session *session, struct str text)
{
    unsigned long long limit;

    if (str_number(text, INT64_MAX, &limit))
        session->size_limit = (long long)limit;
    else if (str_span(text, "0123456789") < text.n)
        session_warn(session, "bad EHLO SIZE limit \"%.*s\" from %s", STR_ARG(text),
                     session->relay);
}

static void note_feature(struct session *session, struct str line)
{
    struct str rest = str_tail(line, 4), keyword = str_word(&rest, " =");
    unsigned bit = client_feature_bit(keyword) & ~session->settings->discard_features;

    session->features |= bit;
    if (bit == FEATURE_SIZE)
        note_size_limit(session, str_word(&rest, " "));
    if (bit == FEATURE_XFORWARD)
        session->xforward = xforward_offered(rest);
}

static void tell_discarded(const struct session *session)
{
    const struct client_settings *settings = session->settings;
    const char *list = "";

    if (settings->discard_features == 0 || settings->discard_silently || !settings->note)
        return;
    for (size_t i = 0; i < COUNT(features); i++)
        if (settings->discard_features & features[i].bit)
            list = arena_printf(session->arena, "%s %s", list, features[i].keyword);
    settings->note(arena_printf(session->arena, "discarding EHLO keywords:%s", list));
}

/* The host name that a greeting or an answer to hello begins with. */
static bool names_us(const struct session *session, const struct reply *reply)
{
    struct str text = str_of(reply->text), line = str_until(&text, '\n');
    struct str rest = str_tail(line, 4);

    return session->default_port && !session->settings->lmtp &&
           str_eq_nocase(str_word(&rest, " "), str_of(session->settings->myhostname));
}

static void note_features(struct session *session, const struct reply *reply)
{
    struct str rest = str_of(reply->text);

    tell_discarded(session);
    (void)str_until(&rest, '\n');
    while (rest.n > 0)
        note_feature(session, str_until(&rest, '\n'));
}

/* Say one of EHLO, HELO, LHLO. On STREAM_OK *ret is the reply. */
static enum stream_result say_hello(struct session *session, const char *verb,
                                    struct reply *ret, struct outcome *ret_failure)
{
    const char *stage = arena_printf(session->arena, "performing the %s handshake", verb);
    enum stream_result result;

    stream_printf(session->stream, "%s %s\r\n", verb, session->settings->helo_name);
    result = session_exchange(session, session->arena, ret);
    if (result != STREAM_OK)
        *ret_failure = session_lost(session, result, stage, session->arena);
    return result;
}

static enum session_end greeted_by_myself(struct session *session,
                                          const struct destination *destination,
                                          struct outcome *ret_failure)
{
    session_warn(session, "host %s replied to HELO/EHLO with my own hostname %s",
                 session->relay, session->settings->myhostname);
    *ret_failure = outcome_make(session->arena, "5.4.6",
                                "mail for %s loops back to myself", destination->nexthop);
    ret_failure->relay = session->relay;
    return SESSION_HOPELESS;
}

static enum session_end hello(struct session *session,
                              const struct destination *destination, bool extended,
                              struct outcome *ret_failure)
{
    const struct client_settings *settings = session->settings;
    struct reply reply;

    if (settings->lmtp || extended) {
        if (say_hello(session, settings->lmtp ? "LHLO" : "EHLO", &reply, ret_failure) !=
            STREAM_OK)
            return SESSION_REFUSED;
        if (reply_class(&reply) == 2) {
            if (names_us(session, &reply))
                return greeted_by_myself(session, destination, ret_failure);
            session->esmtp = true;
            note_features(session, &reply);
            return SESSION_FINE;
        }
        if (settings->lmtp || reply.code == 421)
            return refused(session, &reply, settings->lmtp, session->arena, ret_failure);
    }
    if (say_hello(session, "HELO", &reply, ret_failure) != STREAM_OK)
        return SESSION_REFUSED;
    if (reply_class(&reply) != 2)
        return refused(session, &reply, true, session->arena, ret_failure);
    return SESSION_FINE;
}

/* --- greeting ----------------------------------------------------------------- */

static bool wants_ehlo(const struct client_settings *settings,
                       const struct reply *greeting)
{
    struct str rest = str_of(greeting->text), word;

    if (settings->never_send_ehlo || settings->always_send_ehlo)
        return !settings->never_send_ehlo;
    while ((word = str_word(&rest, " \n")).n > 0)
        if (str_is_nocase(word, "ESMTP"))
            return true;
    return false;
}

static enum session_end greeting(struct session *session,
                                 const struct destination *destination,
                                 struct outcome *ret_failure)
{
    struct reply reply;
    enum stream_result result;

    session_set_timeout(session, session->settings->timeout.helo);
    result = session_exchange(session, session->arena, &reply);
    if (result != STREAM_OK) {
        *ret_failure = session_lost(
            session, result, "receiving the initial server greeting", session->arena);
        return SESSION_REFUSED;
    }
    if (reply_class(&reply) != 2)
        return refused(session, &reply,
                       reply_class(&reply) != 5 || !session->settings->skip_5xx_greeting,
                       session->arena, ret_failure);
    if (names_us(session, &reply))
        session_warn(session, "host %s greeted me with my own hostname %s",
                     session->relay, session->settings->myhostname);
    return hello(session, destination, wants_ehlo(session->settings, &reply),
                 ret_failure);
}

static void set_labels(struct session *session, const struct destination *destination,
                       const struct route_host *host)
{
    const char *name = destination->path ? session->settings->myhostname : host->name;
    char text[NETADDR_TEXT];
    const char *address =
        destination->path ? destination->path : netaddr_text(&host->address, text);

    session->host = arena_copy(session->arena, name);
    session->label = arena_printf(session->arena, "%s[%s]", name, address);
    session->relay = session->label;
    if (destination->path == NULL)
        session->relay =
            arena_printf(session->arena, "%s:%u", session->label, host->address.port);
}

static struct session *new_session(const struct session_plan *plan, struct arena *arena)
{
    const struct destination *destination = plan->destination;
    struct session *session = ARENA_NEW(arena, struct session);

    session->settings = plan->settings;
    session->arena = arena;
    session->address = plan->host->address;
    session->default_port = destination->path == NULL && destination->default_port;
    set_labels(session, destination, plan->host);
    return session;
}

static enum session_end start(struct session *session,
                              const struct destination *destination, struct session **ret,
                              struct outcome *ret_failure)
{
    enum session_end end = greeting(session, destination, ret_failure);

    if (end == SESSION_FINE) {
        session->opened_ms = clock_ms(&clock_system);
        *ret = session;
    } else {
        session_close(session);
    }
    return end;
}

enum session_end session_greet(const struct session_plan *plan, struct stream *stream,
                               struct arena *arena, struct session **ret,
                               struct outcome *ret_failure)
{
    struct session *session = new_session(plan, arena);

    session->stream = stream;
    return start(session, plan->destination, ret, ret_failure);
}

/* --- connecting ----------------------------------------------------------------- */

static const struct netaddr *source_for(const struct client_settings *settings,
                                        const struct netaddr *address)
{
    const struct netaddr *source = address->family == NETADDR_IPV6
                                       ? &settings->bind_address6
                                       : &settings->bind_address;

    return source->family == NETADDR_NONE ? NULL : source;
}

static int connect_host(const struct session *session,
                        const struct destination *destination,
                        const struct route_host *host, struct fail *why)
{
    const struct client_settings *settings = session->settings;
    const struct netaddr *source = source_for(settings, &host->address);
    int64_t limit_ms =
        settings->timeout.connect > 0 ? (int64_t)settings->timeout.connect * 1000 : -1;
    int fd;

    if (destination->path != NULL)
        return connect_unix(destination->path, limit_ms, why);
    fd = connect_inet(&host->address, source, limit_ms, why);
    if (fd >= 0 || source == NULL || !str_starts(str_of(why->text), "bind "))
        return fd;
    session_warn(session, "%s", why->text);
    if (settings->bind_address_enforce)
        return -1;
    return connect_inet(&host->address, NULL, limit_ms, why);
}

static struct outcome connect_failure(const struct session *session,
                                      const struct destination *destination,
                                      const struct fail *why, struct arena *arena)
{
    if (str_starts(str_of(why->text), "bind ")) /* it is our fault */
        return outcome_make(arena, "4.4.0", "server configuration error");
    return outcome_make(arena, "4.4.1", "connect to %s: %s", session->relay,
                        destination->path ? strerror(why->code) : why->text);
}

enum session_end session_open(const struct session_plan *plan, struct arena *arena,
                              struct session **ret, struct outcome *ret_failure)
{
    struct session *session = new_session(plan, arena);
    struct fail why = {0};
    int fd = connect_host(session, plan->destination, plan->host, &why);

    if (fd < 0) {
        *ret_failure = connect_failure(session, plan->destination, &why, arena);
        return SESSION_NO_CONNECTION;
    }
    session->stream = stream_new(fd, 0);
    return start(session, plan->destination, ret, ret_failure);
}

bool session_reset(struct session *session, struct arena *arena)
{
    struct reply reply;
    enum stream_result result;

    session_set_timeout(session, session->settings->timeout.rset);
    stream_write_text(session->stream, "RSET\r\n");
    result = session_exchange(session, arena, &reply);
    if (result != STREAM_OK || reply_class(&reply) != 2)
        session->spent = true;
    return !session->spent;
}

void session_close(struct session *session)
{
    struct reply reply;

    if (session == NULL)
        return;
    if (!session->broken && !session->quit_sent) {
        session_set_timeout(session, session->settings->timeout.quit);
        stream_write_text(session->stream, "QUIT\r\n");
        session->quit_sent = true;
        if (stream_flush(session->stream) != STREAM_OK)
            session->broken = true;
    }
    if (!session->broken && !session->settings->skip_quit_response) {
        session_set_timeout(session, session->settings->timeout.quit);
        if (session_exchange(session, session->arena, &reply) != STREAM_OK)
            session->broken = true;
    }
    stream_free(session->stream);
    session->stream = NULL;
}
