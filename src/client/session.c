/*
 * A connection from its making to its end, and what its failures mean. What
 * is said at its start is in hello.c, mail in transaction.c.
 */
#include "client/session.h"

#include "client/hello.h"
#include "client/login.h"
#include "net/connect.h"
#include "util/clock.h"
#include "util/format.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void session_set_timeout(struct session *session, int seconds)
{
    session->timeout_s = seconds;
    stream_set_timeout(session->stream, seconds > 0 ? (int64_t)seconds * 1000 : -1);
}

void session_set_deadline(struct session *session, long long bytes)
{
    int64_t limit_ms = (int64_t)session->timeout_s * 1000;

    if (session->timeout_s <= 0)
        return;
    if (session->settings->min_data_rate > 0)
        limit_ms += bytes * 1000 / session->settings->min_data_rate;
    stream_set_deadline(session->stream, clock_ms(&clock_system) + limit_ms);
}

/* smtp_reply_filter: its rules see each line of a reply before anybody else. */
static int replace_line(void *context, struct str line, struct arena *arena,
                        struct str *ret)
{
    const struct session *session = context;
    struct fail why;
    enum table_result result = maps_lookup(session->settings->workarounds.replies, line,
                                           MAPS_ALL, arena, ret, &why);

    if (result == TABLE_ERROR) {
        session_warn(session, "%s", why.text);
        session_warn(session, "%s: table %s lookup error for %.*s", session->queue_id,
                     maps_param(session->settings->workarounds.replies), STR_ARG(line));
    }
    if (result == TABLE_FOUND && session->settings->note)
        session->settings->note(
            arena_printf(arena, "%s: replacing server reply \"%.*s\" with \"%.*s\"",
                         session->relay, STR_ARG(line), STR_ARG(*ret)));
    return result == TABLE_ERROR ? -1 : result == TABLE_FOUND;
}

static const struct reply_filter *filter_of(struct session *session,
                                            struct reply_filter *ret)
{
    *ret = (struct reply_filter){replace_line, session};
    return maps_empty(session->settings->workarounds.replies) ? NULL : ret;
}

void session_note_said(struct session *session, struct str command)
{
    if (session->settings->complain)
        transcript_out(&session->transcript, command);
}

void session_say(struct session *session, struct str command)
{
    stream_write_str(session->stream, command);
    stream_write(session->stream, "\r\n", 2);
    session_note_said(session, command);
}

static void note_reply(struct session *session, const struct reply *reply)
{
    struct str rest = str_of(reply->text);

    if (!session->settings->complain)
        return;
    while (rest.n > 0)
        transcript_in(&session->transcript, str_until(&rest, '\n'));
    session->violated = session->violated || reply->noise;
}

enum stream_result session_exchange(struct session *session, struct arena *arena,
                                    struct reply *ret)
{
    enum stream_result result = STREAM_OK;
    struct reply_filter filter;

    if (session->settings->per_request_deadline)
        session_set_deadline(session, 0);
    if (stream_pending(session->stream) > 0)
        result = stream_flush(session->stream);
    if (!session->settings->per_request_deadline)
        session_set_deadline(session, 0); /* a reply in trickles is none */
    if (result == STREAM_OK)
        result = reply_read(session->stream, arena, filter_of(session, &filter), ret);
    stream_set_deadline(session->stream, 0);
    if (result == STREAM_OK)
        note_reply(session, ret);
    if (result == STREAM_OK && ret->unfiltered) {
        session->local_error = true;
        result = STREAM_ERROR;
    } else if (result != STREAM_OK) {
        session->broken = true;
    }
    return result;
}

struct outcome session_lost(const struct session *session, enum stream_result result,
                            const char *stage, struct arena *arena)
{
    struct outcome outcome;

    if (session->local_error)
        outcome = outcome_make(arena, "4.3.0", "local data error while talking to %s",
                               session->label);
    else if (result == STREAM_TIMEOUT)
        outcome = outcome_make(arena, "4.4.2", "conversation with %s timed out while %s",
                               session->label, stage);
    else
        outcome = outcome_make(arena, "4.4.2", "lost connection with %s while %s",
                               session->label, stage);
    outcome.relay = session->relay;
    return outcome;
}

struct outcome session_outcome(struct session *session, const struct reply *reply,
                               const char *text, struct arena *arena)
{
    bool refusal = reply_class(reply) == 4 || reply_class(reply) == 5;
    /* compat: an answer that makes no sense is a refusal for good */
    struct outcome outcome =
        outcome_make(arena, refusal ? reply->status : "5.5.0", "%s", text);

    session->violated = session->violated || !refusal;
    outcome.relay = session->relay;
    outcome.remote_mta = session->host;
    outcome.diagnostic_type = "smtp";
    outcome.diagnostic_text = reply_line(reply, arena);
    return outcome;
}

struct outcome session_said(struct session *session, const struct reply *reply,
                            const char *command, struct arena *arena)
{
    return session_outcome(
        session, reply,
        arena_printf(arena, "host %s said: %s (in reply to %s command)", session->label,
                     reply_line(reply, arena), command),
        arena);
}

void session_warn(const struct session *session, const char *format, ...)
{
    char text[1000];
    va_list args;

    if (session->settings->warn == NULL)
        return;
    va_start(args, format);
    format_va(text, sizeof text, format, args);
    va_end(args);
    session->settings->warn(text);
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
    session->queue_id = plan->queue_id ? plan->queue_id : "";
    session->message_age_s = plan->message_age_s;
    session->quiet = plan->quiet;
    session->default_port =
        destination->path == NULL && session->address.port == destination->usual_port;
    set_labels(session, destination, plan->host);
    if (session->settings->complain)
        transcript_init(&session->transcript, true);
    return session;
}

static enum session_end start(struct session *session, const struct session_plan *plan,
                              struct session **ret, struct outcome *ret_failure)
{
    enum session_end end = hello_say(session, plan->destination, ret_failure);

    if (end == SESSION_FINE)
        end = login_say(session, plan->destination, plan->sender ? plan->sender : "",
                        ret_failure);
    if (end == SESSION_FINE) {
        session->opened_ms = clock_ms(&clock_system);
        *ret = session;
    } else {
        session_close(session);
    }
    return end;
}

static int find_policy(struct session *session, const struct session_plan *plan)
{
    const struct client_tls *tls = plan->settings->tls;

    if (plan->tls_waived && tls && !tls->wrapped) {
        tls_policy_waive(tls, session->arena, &session->policy);
        return 0;
    }
    return tls_policy_find(plan->settings, plan->destination, plan->host, session->arena,
                           &session->policy);
}

/* Is it clear which TLS the server must have, and can that be? */
static enum session_end choose_tls(struct session *session,
                                   const struct session_plan *plan,
                                   struct outcome *ret_failure)
{
    const struct client_tls *tls = plan->settings->tls;

    session->tls_waived = plan->tls_waived;
    if (find_policy(session, plan) < 0) {
        *ret_failure =
            outcome_make(session->arena, "4.7.5", "client TLS configuration problem");
        return SESSION_REFUSED;
    }
    if (tls && tls->wrapped && session->policy.level < TLS_LEVEL_ENCRYPT) {
        session_warn(session,
                     "%s_tls_wrappermode requires \"%s_tls_security_level = "
                     "encrypt\" (or stronger)",
                     plan->settings->lmtp ? "lmtp" : "smtp",
                     plan->settings->lmtp ? "lmtp" : "smtp");
        *ret_failure = outcome_make(session->arena, "4.3.0",
                                    "server unavailable or unable to receive mail");
        return SESSION_REFUSED;
    }
    if (plan->in_clear)
        session->policy.level = TLS_LEVEL_NONE;
    if (session->policy.level > TLS_LEVEL_NONE)
        tls_policy_name_session(&session->policy, plan->settings->service,
                                plan->destination, plan->host, session->arena);
    return SESSION_FINE;
}

enum session_end session_greet(const struct session_plan *plan, struct stream *stream,
                               struct arena *arena, struct session **ret,
                               struct outcome *ret_failure)
{
    struct session *session = new_session(plan, arena);

    session->stream = stream;
    return start(session, plan, ret, ret_failure);
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
    enum session_end end = choose_tls(session, plan, ret_failure);
    struct fail why = {0};
    int fd;

    if (end != SESSION_FINE) {
        transcript_done(&session->transcript);
        return end;
    }
    fd = connect_host(session, plan->destination, plan->host, &why);
    if (fd < 0) {
        transcript_done(&session->transcript);
        *ret_failure = connect_failure(session, plan->destination, &why, arena);
        return SESSION_NO_CONNECTION;
    }
    session->stream = stream_new(fd, 0);
    return start(session, plan, ret, ret_failure);
}

bool session_reset(struct session *session, struct arena *arena)
{
    struct reply reply;
    enum stream_result result;

    session_set_timeout(session, session->settings->timeout.rset);
    session_say(session, STR("RSET"));
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
        session_say(session, STR("QUIT"));
        session->quit_sent = true;
        if (stream_flush(session->stream) != STREAM_OK)
            session->broken = true;
    }
    if (!session->broken && !session->settings->skip_quit_response) {
        session_set_timeout(session, session->settings->timeout.quit);
        if (session_exchange(session, session->arena, &reply) != STREAM_OK)
            session->broken = true;
    }
    if (session->violated && !session->quiet && session->settings->complain)
        session->settings->complain(session->settings->owner, session);
    transcript_done(&session->transcript);
    stream_free(session->stream);
    session->stream = NULL;
}
