/*
 * Decides which TLS a service has, from main.cf; does the handshakes by way of tls/; and
 * says in the log and in headers what came of them.
 */
#include "smtpd/session_tls.h"

#include "smtpd/limits.h"
#include "tls/manager.h"
#include "tls/server.h"
#include "util/log.h"

/* --- what main.cf says -------------------------------------------------------------- */

/* compat: what wraps the session needs no level. */
static int find_level(struct server *server, struct fail *why)
{
    const struct conf *conf = server->conf;
    enum tls_server_level level;

    if (tls_server_level("smtpd_tls_security_level", conf->smtpd_tls_security_level,
                         conf->smtpd_use_tls, conf->smtpd_enforce_tls, &level, why) < 0)
        return -1;
    server->needs_tls = conf->smtpd_tls_wrappermode || level == TLS_SERVER_ENCRYPT;
    server->wants_tls = server->needs_tls || level == TLS_SERVER_MAY;
    return 0;
}

static struct tls_server_words words_of(const struct conf *conf)
{
    return (struct tls_server_words){
        .chain_files = conf->smtpd_tls_chain_files,
        .cert_file = conf->smtpd_tls_cert_file,
        .key_file = conf->smtpd_tls_key_file,
        .dcert_file = conf->smtpd_tls_dcert_file,
        .dkey_file = conf->smtpd_tls_dkey_file,
        .eccert_file = conf->smtpd_tls_eccert_file,
        .eckey_file = conf->smtpd_tls_eckey_file,
        .CAfile = conf->smtpd_tls_CAfile,
        .CApath = conf->smtpd_tls_CApath,
        .dh1024_param_file = conf->smtpd_tls_dh1024_param_file,
        .fingerprint_digest = conf->smtpd_tls_fingerprint_digest,
        .loglevel = conf->smtpd_tls_loglevel,
        .protocols = conf->smtpd_tls_protocols,
        .mandatory_protocols = conf->smtpd_tls_mandatory_protocols,
        .ciphers = conf->smtpd_tls_ciphers,
        .mandatory_ciphers = conf->smtpd_tls_mandatory_ciphers,
        .exclude_ciphers = conf->smtpd_tls_exclude_ciphers,
        .mandatory_exclude_ciphers = conf->smtpd_tls_mandatory_exclude_ciphers,
        .ask_ccert = conf->smtpd_tls_ask_ccert,
        .req_ccert = conf->smtpd_tls_req_ccert,
        .ccert_verifydepth = conf->smtpd_tls_ccert_verifydepth,
    };
}

static void complain(void *context, const char *text)
{
    (void)context;
    log_warning("TLS library problem: %s", text);
}

/* What the plug-in says of a session. Complaints during the handshake wait: the log first
 * says whose it was. */
struct complaints {
    const struct session *session;
    struct arena *arena;
    struct texts kept;
    bool over; /* what comes after it is told at once */
};

/* Steps of the handshake come at the higher levels only. */
static void note(void *context, const char *text)
{
    const struct complaints *complaints = context;

    log_info("%s: %s", complaints->session->client_text, text);
}

static void keep(void *context, const char *text)
{
    struct complaints *complaints = context;

    if (complaints->over)
        complain(NULL, text);
    else
        texts_add(&complaints->kept, complaints->arena,
                  arena_copy(complaints->arena, text));
}

static void warn(const char *text)
{
    log_warning("%s", text);
}

/* Keys of tickets, and sessions of clients that take none, are tlsmgr's. */
static void find_keeper(struct server *server)
{
    const struct conf *conf = server->conf;
    struct arena *arena = server->process->arena;
    struct tls_keeper *keeper = ARENA_NEW(arena, struct tls_keeper);

    tls_manager_keeper(
        tls_manager_new(conf, server->process->name,
                        conf->smtpd_tls_session_cache_timeout, warn, arena),
        true, *conf->smtpd_tls_session_cache_database ? "smtpd" : NULL, keeper);
    server->tls->keeper = keeper;
}

int session_tls_set_up(struct server *server, struct fail *why)
{
    const struct tls_server_words words = words_of(server->conf);
    struct arena *arena = server->process->arena;
    struct fail trouble;

    if (find_level(server, why) < 0)
        return -1;
    if (!server->wants_tls)
        return 0;
    server->tls = ARENA_NEW(arena, struct tls_server);
    tls_server_read(&words, server->needs_tls, server->tls);
    if (words.req_ccert && !server->needs_tls)
        log_warning("Can't require client certs unless TLS is required");
    find_keeper(server);
    if (tls_server_open(server->conf, &words, server->process->name, arena, server->tls,
                        &trouble) < 0)
        log_warning("%s: disabling TLS support", trouble.text);
    return 0;
}

bool session_tls_is_available(const struct server *server)
{
    return server->tls && server->tls->context;
}

bool session_tls_asks(const struct server *server)
{
    return server->tls && server->tls->asks;
}

bool session_tls_is_offered(const struct session *session)
{
    return session->server->wants_tls && !session->tls &&
           !texts_has(&session->discarded_keywords, STR("STARTTLS"), true);
}

/* --- the handshake ------------------------------------------------------------------ */

static void log_certificate(const struct session *session)
{
    const struct tls_facts *facts = session->tls;

    if (session->server->tls->log_level >= 2 && facts->has_certificate)
        log_info("%s: subject_CN=%s, issuer=%s, fingerprint=%s, pkey_fingerprint=%s",
                 session->client_text, facts->subject_cn, facts->issuer_cn,
                 facts->fingerprint, facts->key_fingerprint);
    if (session->server->tls->demands && facts->has_certificate && !facts->is_trusted)
        log_info("certificate verification failed for %s: %s", session->client_text,
                 facts->why_not);
}

/* The client, and whom it has asked for if that made a difference. */
static const char *peer_words(const struct session *session)
{
    return session->tls->has_server_name
               ? arena_printf(session->arena, "%s to %s", session->client_text,
                              session->tls->server_name)
               : session->client_text;
}

static void log_session(const struct session *session)
{
    const struct tls_facts *facts = session->tls;
    struct buf words;

    log_certificate(session);
    if (session->server->tls->log_level < 1)
        return;
    buf_init(&words, 10000);
    tls_describe(facts, &words);
    maillog_tls(&(struct maillog_tls){.trust = tls_trust_of_client(facts),
                                      .direction = "from",
                                      .peer = peer_words(session),
                                      .words = buf_text(&words)});
    buf_done(&words);
}

static void failed(struct session *session, enum tls_result result,
                   const struct texts *complaints)
{
    maillog_tls_failed("SSL_accept", "from", session->client_text,
                       result == TLS_LOST      ? "lost connection"
                       : result == TLS_TIMEOUT ? "Connection timed out"
                                               : "-1");
    for (size_t i = 0; i < complaints->n; i++)
        complain(NULL, complaints->items[i]);
    session->reason = "lost connection";
    session->failed = session->quit = true;
}

/* A table that fails fails the handshake: the
 * usual certificate would be for another name. */
static int find_chain(void *context, const char *server_name, struct str *ret)
{
    const struct complaints *complaints = context;
    const struct maps *maps = complaints->session->server->sni_maps;
    struct arena *arena = complaints->arena;
    struct fail why;
    enum table_result result =
        maps_lookup_parents(maps, str_of(server_name), arena, ret, &why);

    if (result == TABLE_ERROR)
        log_warning("%s: %s", complaints->session->client_text, why.text);
    if (result == TABLE_NOT_FOUND && complaints->session->server->tls->log_level > 0)
        log_info("TLS SNI %s from %s not matched, using default chain", server_name,
                 complaints->session->client_text);
    return result == TABLE_ERROR ? -1 : result == TABLE_FOUND;
}

/* All of the handshake has the time of one step: a client that drips is no client. */
static bool shake(struct session *session, bool wrapped)
{
    const struct tls_server *tls = session->server->tls;
    const struct conf *conf = session->conf;
    struct complaints *complaints = ARENA_NEW(session->arena, struct complaints);
    const struct tls_terms terms = {
        .protocols = tls->protocols,
        .ciphers = tls->ciphers,
        .log_level = tls->log_level,
        .takes_buffered = wrapped, /* it may have come with the header of a balancer */
        .listener = {note, keep, complaints},
        .find_chain = maps_empty(session->server->sni_maps) ? NULL : find_chain};
    struct tls_facts *facts = ARENA_NEW(session->arena, struct tls_facts);
    int64_t limit_ms = conf->smtpd_starttls_timeout * 1000L;
    enum tls_result result;

    complaints->session = session;
    complaints->arena = session->arena;
    if (tls->log_level >= 2)
        log_info("%s: TLS cipher list \"%s\"", session->client_text, tls->ciphers);
    stream_set_timeout(session->stream, limit_ms);
    stream_set_deadline(session->stream, clock_ms(&clock_system) + limit_ms);
    result =
        tls->library->start(tls->context, session->stream, &terms, session->arena, facts);
    stream_set_timeout(session->stream, conf->smtpd_timeout * 1000L);
    stream_set_deadline(session->stream, 0);
    session_start_request(session);
    complaints->over = true;
    if (result == TLS_DONE)
        session->tls = facts;
    else
        failed(session, result, &complaints->kept);
    return result == TLS_DONE;
}

/* Where a certificate is demanded, a session without one ends at once. */
static bool is_welcome(struct session *session)
{
    const struct tls_facts *facts = session->tls;
    const char *host = session->conf->myhostname;

    if (!session->server->tls->demands || facts->is_trusted)
        return true;
    maillog_tls_abort(session->client_text, facts->has_certificate
                                                ? "Client certificate not trusted"
                                                : "No client certificate presented");
    session_reply(session,
                  facts->has_certificate ? REPLY_CERTIFICATE_UNTRUSTED
                                         : REPLY_NO_CERTIFICATE,
                  host);
    session->failed = false; /* the handshake was fine */
    return false;
}

/* RFC 3207 section 4.2: what was said in the clear has not been said. */
static void forget(struct session *session)
{
    transaction_reset(session);
    session->helo = NULL;
}

/* wrapped: TLS is spoken from the first byte on. */
static bool start(struct session *session, bool wrapped)
{
    const struct tls_server *tls = session->server->tls;

    if (!tls->ciphers) {
        log_warning("%s: %s", session->client_text, tls->ciphers_trouble.text);
        session->reason = "lost connection";
        session->failed = session->quit = true;
        return false;
    }
    if (!shake(session, wrapped))
        return false;
    forget(session);
    log_session(session);
    if (is_welcome(session) &&
        (session->tls->is_resumed || !limits_exceeded(session, CLIENT_NEW_TLS)))
        return true;
    session->quit = true;
    return false;
}

bool session_tls_begin(struct session *session)
{
    return start(session, false);
}

bool session_tls_is_refused(struct session *session, const char *what)
{
    if (!limits_reached(session, CLIENT_NEW_TLS))
        return false;
    log_warning("Refusing %s request from %s for service %s", what, session->client_text,
                session->server->process->name);
    return true;
}

/* compat: whom nothing can be said to is left without a word. */
bool session_tls_wrap(struct session *session)
{
    if (!session->conf->smtpd_tls_wrappermode || session->server->process->stand_alone)
        return true;
    if (!session_tls_is_available(session->server))
        log_warning(
            "Wrapper-mode request dropped from %s for service %s. TLS context "
            "initialization failed. For details see earlier warnings in your logs.",
            session->client_text, session->server->process->name);
    else if (!session_tls_is_refused(session, "TLS service"))
        return start(session, true);
    session->quit = true;
    return false;
}

void session_tls_end(struct session *session)
{
    if (session->tls)
        stream_set_ops(session->stream, NULL, NULL);
}

/* --- Received: ---------------------------------------------------------------------- */

/* A name that somebody put into a certificate, where it can end neither string nor
 * comment. */
static const char *harmless(struct arena *arena, const char *name)
{
    char *text = arena_copy(arena, name);

    for (char *p = text; *p; p++)
        if (strchr("\"\\()<>", *p) || (unsigned char)*p < ' ')
            *p = '?';
    log_make_printable(text);
    return text;
}

static const char *client_words(const struct session *session, struct arena *arena)
{
    const struct tls_facts *facts = session->tls;

    if (!facts->has_certificate)
        return session->server->tls->asks ? "(Client did not present a certificate)"
                                          : "(No client certificate requested)";
    return arena_printf(arena, "(Client CN \"%s\", Issuer \"%s\" (%s))",
                        harmless(arena, facts->subject_cn),
                        harmless(arena, facts->issuer_cn),
                        facts->is_trusted ? "verified OK" : "not verified");
}

void session_tls_received(const struct session *session, struct arena *arena,
                          struct texts *ret)
{
    struct buf words;
    struct str rest;

    if (!session->tls || !session->conf->smtpd_tls_received_header)
        return;
    buf_init(&words, 10000);
    buf_add_text(&words, "(using ");
    tls_describe_lines(session->tls, &words);
    buf_add_char(&words, ')');
    for (rest = buf_str(&words); rest.n > 0;)
        texts_add(ret, arena, arena_copy_str(arena, str_until(&rest, '\n')));
    buf_done(&words);
    texts_add(ret, arena, client_words(session, arena));
}
