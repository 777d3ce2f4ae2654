/*
 * Decides which TLS a service has, from main.cf; does the handshakes by way of tls/; and
 * says in the log and in headers what came of them.
 */
#include "smtpd/session_tls.h"

#include "smtpd/limits.h"
#include "tls/ciphers.h"
#include "tls/tls.h"
#include "util/log.h"

struct server_tls {
    const struct tls_library *library;
    struct tls_context *context;
    struct tls_protocols protocols;
    const char *ciphers; /* NULL = what main.cf says of them is wrong */
    struct fail ciphers_trouble;
    int log_level;
    bool asks, demands; /* certificates of clients */
};

/* --- what main.cf says -------------------------------------------------------------- */

/* compat: what wraps the session needs no level. */
static int find_level(struct server *server, struct fail *why)
{
    const struct conf *conf = server->conf;
    struct str level = str_of(conf->smtpd_tls_security_level);

    if (level.n == 0)
        level = conf->smtpd_enforce_tls ? STR("encrypt")
                : conf->smtpd_use_tls   ? STR("may")
                                        : STR("none");
    server->needs_tls = conf->smtpd_tls_wrappermode || str_is_nocase(level, "encrypt");
    server->wants_tls = server->needs_tls || str_is_nocase(level, "may");
    if (!server->wants_tls && !str_is_nocase(level, "none"))
        return fail_set(why,
                        "Invalid TLS level \"%.*s\": smtpd_tls_security_level is "
                        "none, may or encrypt",
                        STR_ARG(level));
    return 0;
}

static void split(struct texts *ret, struct arena *arena, const char *value)
{
    texts_split(ret, arena, str_of(value), ", \t\r\n");
}

/* "none" is what sites say who have no certificate. */
static const char *file_of(const char *value)
{
    return str_is_nocase(str_of(value), "none") ? "" : value;
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

static struct tls_settings settings_of(const struct server *server)
{
    const struct conf *conf = server->conf;
    struct arena *arena = server->process->arena;
    struct tls_settings settings = {
        .is_server = true,
        .pairs = {{"RSA", file_of(conf->smtpd_tls_cert_file), conf->smtpd_tls_key_file},
                  {"DSA", file_of(conf->smtpd_tls_dcert_file), conf->smtpd_tls_dkey_file},
                  {"ECDSA", file_of(conf->smtpd_tls_eccert_file),
                   conf->smtpd_tls_eckey_file}},
        .is_anonymous = str_is_nocase(str_of(conf->smtpd_tls_cert_file), "none"),
        .CAfile = conf->smtpd_tls_CAfile,
        .CApath = conf->smtpd_tls_CApath,
        .append_default_CA = conf->tls_append_default_CA,
        .ask_certificate = server->tls->asks,
        .trust_server_ccerts = conf->tls_trust_server_ccerts,
        .verify_depth = conf->smtpd_tls_ccert_verifydepth,
        .dh_file = conf->smtpd_tls_dh1024_param_file,
        .digest = conf->smtpd_tls_fingerprint_digest,
        .session_context = server->process->name,
        .ticket_seconds = conf->smtpd_tls_session_cache_timeout,
        .prefer_own_ciphers = conf->tls_preempt_cipherlist,
        .slow_shutdown = !conf->tls_fast_shutdown_enable,
        .config_file = conf->tls_config_file,
        .config_section = conf->tls_config_name,
    };

    split(&settings.chain_files, arena, conf->smtpd_tls_chain_files);
    texts_split(&settings.groups, arena, str_of(conf->tls_eecdh_auto_curves),
                ", \t\r\n:");
    texts_split(&settings.groups, arena, str_of(conf->tls_ffdhe_auto_groups),
                ", \t\r\n:");
    split(&settings.options, arena, conf->tls_ssl_options);
    split(&settings.workarounds, arena, conf->tls_disable_workarounds);
    return settings;
}

/* A client that is asked for a certificate must not get away without ours. */
static void find_ciphers(struct server *server)
{
    const struct conf *conf = server->conf;
    struct server_tls *tls = server->tls;
    const struct tls_grades grades = {conf->tls_high_cipherlist,
                                      conf->tls_medium_cipherlist,
                                      conf->tls_null_cipherlist};
    const bool needed = server->needs_tls;
    const char *exclusions[] = {conf->smtpd_tls_exclude_ciphers,
                                needed ? conf->smtpd_tls_mandatory_exclude_ciphers : "",
                                tls->asks ? "aNULL" : "", NULL};

    tls->ciphers = tls_ciphers(
        &grades, needed ? conf->smtpd_tls_mandatory_ciphers : conf->smtpd_tls_ciphers,
        exclusions, server->process->arena, &tls->ciphers_trouble);
}

static int find_protocols(struct server *server, struct fail *why)
{
    const struct conf *conf = server->conf;
    const char *list = server->needs_tls ? conf->smtpd_tls_mandatory_protocols
                                         : conf->smtpd_tls_protocols;
    struct fail reason;

    if (tls_protocols_parse(str_of(list), &server->tls->protocols, &reason) < 0)
        return fail_set(why, "Invalid TLS protocol list \"%s\": %s", list, reason.text);
    return 0;
}

static int make_context(struct server *server, struct fail *why)
{
    struct arena *arena = server->process->arena;
    struct server_tls *tls = server->tls;
    struct tls_settings settings;

    if (find_protocols(server, why) < 0)
        return -1;
    find_ciphers(server);
    tls->library = tls_load(server->conf->shlib_directory, arena, why);
    if (!tls->library)
        return -1;
    settings = settings_of(server);
    tls->context = tls->library->context_new(&settings, arena, why);
    return tls->context ? 0 : -1;
}

static int level_of(const char *value)
{
    unsigned long long level;
    struct str rest = str_of(value);

    return str_number(str_word(&rest, ", \t"), 4, &level) ? (int)level : 0;
}

int session_tls_set_up(struct server *server, struct fail *why)
{
    const struct conf *conf = server->conf;
    struct fail trouble;

    if (find_level(server, why) < 0)
        return -1;
    if (!server->wants_tls)
        return 0;
    server->tls = ARENA_NEW(server->process->arena, struct server_tls);
    server->tls->log_level = level_of(conf->smtpd_tls_loglevel);
    server->tls->demands = conf->smtpd_tls_req_ccert && server->needs_tls;
    server->tls->asks = conf->smtpd_tls_ask_ccert || server->tls->demands;
    if (conf->smtpd_tls_req_ccert && !server->needs_tls)
        log_warning("Can't require client certs unless TLS is required");
    if (make_context(server, &trouble) < 0)
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
    maillog_tls(&(struct maillog_tls){.trust = !facts->has_certificate ? "Anonymous"
                                               : facts->is_trusted     ? "Trusted"
                                                                       : "Untrusted",
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

/* The name, then its parents with their dot. A table that fails fails the handshake: the
 * usual certificate would be for another name. */
static int find_chain(void *context, const char *server_name, struct str *ret)
{
    const struct complaints *complaints = context;
    const struct maps *maps = complaints->session->server->sni_maps;
    struct arena *arena = complaints->arena;
    struct str name = str_of(server_name); /* tables fold it */
    struct fail why;
    enum table_result result = maps_lookup(maps, name, MAPS_ALL, arena, ret, &why);

    while (result == TABLE_NOT_FOUND) {
        size_t dot = str_find(str_tail(name, 1), '.');

        if (dot + 1 >= name.n)
            break;
        name = str_tail(name, dot + 1);
        result = maps_lookup(maps, name, MAPS_FIXED, arena, ret, &why);
    }
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
    const struct server_tls *tls = session->server->tls;
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
    const struct server_tls *tls = session->server->tls;

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
