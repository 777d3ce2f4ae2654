/*
 * Whether TLS begins, and whether the server that was met is the one that the policy
 * wants. A server with which it cannot begin is no server for this mail: the next host is
 * tried. Where TLS is only welcome, mail that has waited goes in the clear
 * (SESSION_NO_TLS).
 */
#include "client/starttls.h"

#include "mail/maillog.h"
#include "util/clock.h"

static const struct client_tls *tls_of(const struct session *session)
{
    return session->settings->tls;
}

/* --- what the log says -------------------------------------------------------------- */

static void note(void *context, const char *text)
{
    const struct session *session = context;

    if (session->settings->note)
        session->settings->note(
            arena_printf(session->arena, "%s: %s", session->relay, text));
}

/* Complaints during the handshake wait: the log first says whose it was. */
static void complain(void *context, const char *text)
{
    struct session *session = context;

    if (session->tls)
        session_warn(session, "TLS library problem: %s", text);
    else
        texts_add(&session->complaints, session->arena, arena_copy(session->arena, text));
}

static void log_failure(struct session *session, enum tls_result result)
{
    maillog_tls_failed("SSL_connect", "to", session->relay,
                       result == TLS_LOST      ? "lost connection"
                       : result == TLS_TIMEOUT ? "Connection timed out"
                                               : "-1");
    for (size_t i = 0; i < session->complaints.n; i++)
        session_warn(session, "TLS library problem: %s", session->complaints.items[i]);
}

/* compat: a chain that leads nowhere is not called the server's. */
static void log_refusal(const struct session *session, const char *why)
{
    bool chain = str_starts(str_of(why), "untrusted issuer") ||
                 str_starts(str_of(why), "self-signed");

    if (session->settings->note)
        session->settings->note(
            arena_printf(session->arena, "%scertificate verification failed for %s: %s",
                         chain ? "" : "server ", session->relay, why));
}

static void log_session(const struct session *session, const char *refusal)
{
    const struct tls_facts *facts = session->tls;
    bool matched = session->policy.level > TLS_LEVEL_ENCRYPT;
    struct buf words;

    if (refusal)
        log_refusal(session, refusal);
    if (tls_of(session)->log_level < 1)
        return;
    if (tls_of(session)->log_level >= 2 && facts->has_certificate &&
        session->settings->note)
        session->settings->note(arena_printf(
            session->arena,
            "%s: subject_CN=%s, issuer_CN=%s, fingerprint=%s, pkey_fingerprint=%s",
            session->relay, facts->subject_cn, facts->issuer_cn, facts->fingerprint,
            facts->key_fingerprint));
    buf_init(&words, 10000);
    tls_describe(facts, &words);
    maillog_tls(&(struct maillog_tls){.trust = !facts->has_certificate ? "Anonymous"
                                               : matched && !refusal   ? "Verified"
                                               : !matched && facts->is_trusted
                                                   ? "Trusted"
                                                   : "Untrusted",
                                      .direction = "to",
                                      .peer = session->relay,
                                      .words = buf_text(&words)});
    buf_done(&words);
}

/* --- the handshake ------------------------------------------------------------------ */

static enum session_end failed(struct session *session, const char *status,
                               const char *text, struct outcome *ret_failure)
{
    *ret_failure = outcome_make(session->arena, status, "%s", text);
    ret_failure->relay = session->relay;
    return SESSION_REFUSED;
}

/* Nothing that is said to the server any more would be understood. */
static enum session_end no_handshake(struct session *session, struct outcome *ret_failure)
{
    enum session_end end =
        failed(session, "4.7.5", "Cannot start TLS: handshake failure", ret_failure);

    session->broken = true;
    if (session->policy.level == TLS_LEVEL_MAY &&
        session->message_age_s >= tls_of(session)->clear_after_s)
        return SESSION_NO_TLS;
    return end;
}

static enum tls_result shake(struct session *session)
{
    const struct client_tls *tls = tls_of(session);
    struct tls_facts *facts = ARENA_NEW(session->arena, struct tls_facts);
    struct tls_terms terms = session->policy.terms;
    enum tls_result result;

    terms.listener = (struct tls_listener){note, complain, session};
    session_set_timeout(session, tls->timeout_s);
    session_set_deadline(session, 0);
    result =
        tls->library->start(tls->context, session->stream, &terms, session->arena, facts);
    stream_set_deadline(session->stream, 0);
    session_set_timeout(session, session->settings->timeout.helo);
    if (result == TLS_DONE)
        session->tls = facts;
    return result;
}

static enum session_end begin(struct session *session, struct outcome *ret_failure)
{
    enum tls_result result = shake(session);
    const char *refusal;

    if (result != TLS_DONE) {
        log_failure(session, result);
        return no_handshake(session, ret_failure);
    }
    refusal = tls_policy_refuses(&session->policy, session->tls, tls_of(session)->wide);
    log_session(session, refusal);
    if (refusal)
        return failed(session, "4.7.5", "Server certificate not verified", ret_failure);
    return SESSION_FINE;
}

/* --- when --------------------------------------------------------------------------- */

static bool is_available(const struct session *session)
{
    return tls_of(session) && tls_of(session)->context;
}

enum session_end starttls_wrap(struct session *session, struct outcome *ret_failure)
{
    if (!tls_of(session) || !tls_of(session)->wrapped)
        return SESSION_FINE;
    if (!is_available(session))
        return failed(session, "4.7.5",
                      "TLS is required, but our TLS engine is unavailable", ret_failure);
    return begin(session, ret_failure);
}

/* TLS does not begin: is that well? */
static enum session_end go_without(struct session *session, const char *status,
                                   const char *text, struct outcome *ret_failure)
{
    if (session->policy.level <= TLS_LEVEL_MAY)
        return SESSION_FINE;
    return failed(session, status, text, ret_failure);
}

/* STARTTLS was not taken: "host H[A] refused to start TLS: 454 ...". */
static enum session_end refused(struct session *session, const struct reply *reply,
                                struct outcome *ret_failure)
{
    if (session->policy.level <= TLS_LEVEL_MAY)
        return SESSION_FINE;
    *ret_failure = session_outcome(
        session, reply,
        arena_printf(session->arena,
                     "TLS is required, but host %s refused to start TLS: %s",
                     session->label, reply_line(reply, session->arena)),
        session->arena);
    outcome_soften(ret_failure);
    return SESSION_REFUSED;
}

static enum session_end ask(struct session *session, bool *ret_again,
                            struct outcome *ret_failure)
{
    enum stream_result result;
    enum session_end end;
    struct reply reply;

    session_set_timeout(session, tls_of(session)->timeout_s);
    session_say(session, STR("STARTTLS"));
    result = session_exchange(session, session->arena, &reply);
    if (result != STREAM_OK) {
        *ret_failure = session_lost(session, result, "sending STARTTLS", session->arena);
        return SESSION_REFUSED;
    }
    if (reply_class(&reply) != 2)
        return refused(session, &reply, ret_failure);
    end = begin(session, ret_failure);
    *ret_again = end == SESSION_FINE;
    return end;
}

enum session_end starttls_begin(struct session *session, bool *ret_again,
                                struct outcome *ret_failure)
{
    bool offered = session->features & FEATURE_STARTTLS;

    if (!tls_of(session) || session->tls)
        return SESSION_FINE;
    if (session->policy.level == TLS_LEVEL_NONE) {
        if (offered && tls_of(session)->note_offer && session->settings->note)
            session->settings->note(arena_printf(
                session->arena, "Host offered STARTTLS: [%s]", session->host));
        return SESSION_FINE;
    }
    if (!offered)
        return go_without(session, "4.7.4",
                          arena_printf(session->arena,
                                       "TLS is required, but was not offered by host %s",
                                       session->label),
                          ret_failure);
    if (!is_available(session))
        return go_without(session, "4.7.5",
                          "TLS is required, but our TLS engine is unavailable",
                          ret_failure);
    return ask(session, ret_again, ret_failure);
}
