/*
 * One session: the peer's connection, encrypted, and the connection of who asked for TLS,
 * in plain text. Bytes go from one to the other as they are taken; what an end does not
 * take is kept up to a bound, and then not read.
 */
#include "tlsproxy/tlsproxy.h"

#include "mail/maillog.h"
#include "util/log.h"
#include "util/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ENOUGH = 16384,   /* bytes kept in one direction: no more is read */
    ROUNDS = 50,      /* of one turn, after which the others have theirs */
    GOODBYE_MS = 5000 /* for the last words to a peer that does not take them */
};

enum phase { SHAKING, TALKING, LEAVING };

struct session {
    struct proxy *proxy;
    const struct tls_server *server;
    struct tls_session *tls;
    struct tls_facts facts;
    struct arena *arena;
    const char *peer;    /* "[192.0.2.1]:25" */
    const char *service; /* that the peer has reached */
    int peer_fd, local_fd;
    enum phase phase;
    struct buf to_peer, to_local; /* plain text */
    bool peer_ended;              /* no more comes from there */
    bool local_ended;             /* nor from here ... */
    bool local_gone;              /* ... and nothing is taken */
    int peer_waits, local_waits;  /* LOOP_READ, LOOP_WRITE: for what */
    int64_t silence_ms, silent_since_ms;
    struct loop_timer *patience, *next_turn;
    struct texts complaints; /* during the handshake: the log first says whose they are */
};

static struct loop *loop_of(const struct session *session)
{
    return session->proxy->process->loop;
}

/* --- coming and going ------------------------------------------------------------- */

static void note(void *context, const char *text)
{
    const struct session *session = context;

    log_info("%s: %s", session->peer, text);
}

static void complain(void *context, const char *text)
{
    struct session *session = context;

    if (session->phase == SHAKING)
        texts_add(&session->complaints, session->arena, arena_copy(session->arena, text));
    else
        log_warning("%s: TLS library problem: %s", session->peer, text);
}

static void tell_complaints(const struct session *session)
{
    for (size_t i = 0; i < session->complaints.n; i++)
        log_warning("TLS library problem: %s", session->complaints.items[i]);
}

static int find_chain(void *context, const char *server_name, struct str *ret)
{
    const struct session *session = context;
    struct fail why;
    enum table_result result = maps_lookup_parents(
        session->proxy->sni_maps, str_of(server_name), session->arena, ret, &why);

    if (result == TABLE_ERROR)
        log_warning("%s: %s", session->peer, why.text);
    if (result == TABLE_NOT_FOUND && session->server->log_level > 0)
        log_info("TLS SNI %s from %s not matched, using default chain", server_name,
                 session->peer);
    return result == TABLE_ERROR ? -1 : result == TABLE_FOUND;
}

static bool open_tls(struct session *session)
{
    const struct tls_server *server = session->server;
    const struct tls_terms terms = {
        .protocols = server->protocols,
        .ciphers = server->ciphers,
        .session_context = session->service,
        .log_level = server->log_level,
        .listener = {note, complain, session},
        .find_chain = maps_empty(session->proxy->sni_maps) ? NULL : find_chain};
    int flags = fcntl(session->peer_fd, F_GETFL);

    if (flags < 0 || fcntl(session->peer_fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return false;
    if (server->log_level >= 2)
        log_info("%s: TLS cipher list \"%s\"", session->peer, server->ciphers);
    session->tls = server->library->open(server->context, session->peer_fd, &terms);
    return session->tls != NULL;
}

struct session *session_new(struct proxy *proxy, const struct tlsproxy_begin *begin,
                            int peer_fd)
{
    struct session *session = MEMORY_NEW(struct session);

    session->proxy = proxy;
    session->server = &proxy->server[begin->flags & TLSPROXY_MANDATORY ? 1 : 0];
    session->arena = arena_new("session");
    session->peer =
        arena_printf(session->arena, "[%s]:%lld", begin->peer_address, begin->peer_port);
    session->service = arena_copy(session->arena, begin->service);
    session->peer_fd = peer_fd;
    session->local_fd = -1;
    session->silence_ms = begin->silence_s * 1000;
    session->silent_since_ms = begin->handshake_s * 1000; /* until it goes */
    buf_init(&session->to_peer, 2 * ENOUGH);
    buf_init(&session->to_local, 2 * ENOUGH);
    log_info("CONNECT from %s", session->peer);
    if (session->server->log_level >= 2)
        log_info("setting up TLS connection from %s", session->peer);
    if (open_tls(session))
        return session;
    tell_complaints(session);
    session_drop(session);
    return NULL;
}

void session_drop(struct session *session)
{
    if (session->tls)
        session->server->library->close(session->tls);
    close(session->peer_fd);
    buf_done(&session->to_peer);
    buf_done(&session->to_local);
    arena_free(session->arena);
    free(session);
}

static void end(struct session *session)
{
    struct process *process = session->proxy->process;

    log_info("DISCONNECT %s", session->peer);
    loop_cancel(process->loop, session->patience);
    loop_cancel(process->loop, session->next_turn);
    loop_unwatch(process->loop, session->peer_fd);
    loop_unwatch(process->loop, session->local_fd);
    close(session->local_fd);
    session_drop(session);
    service_let_go(process);
}

/* --- the handshake ---------------------------------------------------------------- */

static void log_session(const struct session *session)
{
    const struct tls_facts *facts = &session->facts;
    struct buf words;

    if (session->server->log_level >= 2 && facts->has_certificate)
        log_info("%s: subject_CN=%s, issuer=%s, fingerprint=%s, pkey_fingerprint=%s",
                 session->peer, facts->subject_cn, facts->issuer_cn, facts->fingerprint,
                 facts->key_fingerprint);
    if (session->server->log_level < 1)
        return;
    buf_init(&words, 10000);
    tls_describe(facts, &words);
    maillog_tls(&(struct maillog_tls){
        .trust = tls_trust_of_client(facts),
        .direction = "from",
        .peer = facts->has_server_name ? arena_printf(session->arena, "%s to %s",
                                                      session->peer, facts->server_name)
                                       : session->peer,
        .words = buf_text(&words)});
    buf_done(&words);
}

static void handshake_failed(const struct session *session)
{
    tell_complaints(session);
    log_info("TLS handshake failed for service=%s peer=%s", session->service,
             session->peer);
}

/* A client whose certificate is demanded has shown it. */
static bool is_welcome(const struct session *session)
{
    if (!session->server->demands || session->facts.is_trusted)
        return true;
    maillog_tls_abort(session->peer, session->facts.has_certificate
                                         ? "Client certificate not trusted"
                                         : "No client certificate presented");
    return false;
}

/* --- bytes ------------------------------------------------------------------------ */

/* What one attempt to go on has come to. */
enum turn { MOVED, STUCK, OVER };

/* What is awaited of the peer, for TLS to go on. */
static enum turn await(struct session *session, enum tls_step step)
{
    session->peer_waits |= step == TLS_STEP_WRITE ? LOOP_WRITE : LOOP_READ;
    return STUCK;
}

static enum turn shake(struct session *session)
{
    enum tls_step step =
        session->server->library->shake(session->tls, session->arena, &session->facts);

    if (step == TLS_STEP_READ || step == TLS_STEP_WRITE)
        return await(session, step);
    if (step != TLS_STEP_DONE) {
        handshake_failed(session);
        return OVER;
    }
    session->phase = TALKING;
    session->silent_since_ms = loop_now_ms(loop_of(session));
    log_session(session);
    return is_welcome(session) ? MOVED : OVER;
}

static enum turn hear_peer(struct session *session)
{
    size_t n;
    enum tls_step step;

    if (session->peer_ended || session->to_local.n >= ENOUGH)
        return STUCK;
    step = session->server->library->read(
        session->tls, buf_reserve(&session->to_local, ENOUGH), ENOUGH, &n);
    if (step == TLS_STEP_READ || step == TLS_STEP_WRITE)
        return await(session, step);
    if (step == TLS_STEP_FAILED)
        return OVER;
    session->peer_ended = step == TLS_STEP_END;
    if (!session->peer_ended && !session->local_gone)
        buf_added(&session->to_local, n);
    return MOVED;
}

static enum turn tell_local(struct session *session)
{
    ssize_t n;

    if (session->to_local.n == 0)
        return STUCK;
    n = send(session->local_fd, session->to_local.p, session->to_local.n,
             MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        session->local_waits |= LOOP_WRITE;
        return STUCK;
    }
    session->local_gone = n < 0;
    buf_shift(&session->to_local, n < 0 ? session->to_local.n : (size_t)n);
    return MOVED;
}

static enum turn hear_local(struct session *session)
{
    ssize_t n;

    if (session->local_ended || session->to_peer.n >= ENOUGH)
        return STUCK;
    n = recv(session->local_fd, buf_reserve(&session->to_peer, ENOUGH), ENOUGH,
             MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        session->local_waits |= LOOP_READ;
        return STUCK;
    }
    session->local_ended = n <= 0;
    if (n > 0)
        buf_added(&session->to_peer, (size_t)n);
    return MOVED;
}

static enum turn tell_peer(struct session *session)
{
    size_t n;
    enum tls_step step;

    if (session->to_peer.n == 0)
        return STUCK;
    step = session->server->library->write(session->tls, session->to_peer.p,
                                           session->to_peer.n, &n);
    if (step == TLS_STEP_READ || step == TLS_STEP_WRITE)
        return await(session, step);
    if (step == TLS_STEP_FAILED)
        return OVER;
    session->peer_ended |= step == TLS_STEP_END; /* what it has said is told yet */
    buf_shift(&session->to_peer, step == TLS_STEP_END ? session->to_peer.n : n);
    return MOVED;
}

/* Is there nothing left to carry? Either side may end it, once what it said is told. */
static bool is_done(const struct session *session)
{
    return (session->local_ended && session->to_peer.n == 0) ||
           (session->peer_ended && session->to_local.n == 0);
}

static enum turn talk(struct session *session)
{
    static enum turn (*const ways[])(struct session *) = {hear_peer, tell_local,
                                                          hear_local, tell_peer};
    enum turn turn = STUCK;

    for (size_t i = 0; i < COUNT(ways); i++) {
        enum turn way = ways[i](session);

        if (way == OVER)
            return OVER;
        if (way == MOVED)
            turn = MOVED;
    }
    if (turn == MOVED)
        session->silent_since_ms = loop_now_ms(loop_of(session));
    if (!is_done(session))
        return turn;
    session->phase = LEAVING;
    return MOVED;
}

static enum turn leave(struct session *session)
{
    enum tls_step step = session->server->library->goodbye(session->tls);

    return step == TLS_STEP_WRITE ? await(session, step) : OVER;
}

/* --- on the loop ------------------------------------------------------------------ */

static void take_turn(void *context);

static void fd_ready(void *context, int fd, int events)
{
    (void)fd, (void)events;
    take_turn(context);
}

/* Nothing is awaited of a descriptor that is not watched: one that was hung up would tell
 * so for ever. */
static bool watch(struct session *session, int fd, int events)
{
    struct loop *loop = loop_of(session);
    struct fail why;

    if (events == 0) {
        loop_unwatch(loop, fd);
        return true;
    }
    if (loop_watch(loop, fd, events, fd_ready, session, &why) == 0)
        return true;
    log_warning("%s: %s", session->peer, why.text);
    return false;
}

static void next_turn(void *context)
{
    struct session *session = context;

    session->next_turn = NULL;
    take_turn(session);
}

static void out_of_patience(void *context);

static void set_patience(struct session *session, int64_t delay_ms)
{
    loop_cancel(loop_of(session), session->patience);
    session->patience = loop_timer(loop_of(session), delay_ms, out_of_patience, session);
}

/* One timer, that stays while bytes come and go: when it fires, the silence may be
 * younger than it is. */
static void out_of_patience(void *context)
{
    struct session *session = context;
    int64_t rest =
        session->silent_since_ms + session->silence_ms - loop_now_ms(loop_of(session));

    session->patience = NULL;
    if (session->phase == TALKING && rest > 0) {
        set_patience(session, rest);
        return;
    }
    if (session->phase == SHAKING)
        handshake_failed(session);
    end(session);
}

static void take_turn(void *context)
{
    static enum turn (*const phases[])(struct session *) = {
        [SHAKING] = shake, [TALKING] = talk, [LEAVING] = leave};
    struct session *session = context;
    enum phase before = session->phase;
    enum turn turn = MOVED;

    for (int i = 0; turn == MOVED && i < ROUNDS; i++) {
        session->peer_waits = session->local_waits = 0;
        turn = phases[session->phase](session);
    }
    if (turn == OVER || !watch(session, session->peer_fd, session->peer_waits) ||
        !watch(session, session->local_fd, session->local_waits)) {
        end(session);
        return;
    }
    if (session->phase != before)
        set_patience(session,
                     session->phase == LEAVING ? GOODBYE_MS : session->silence_ms);
    if (turn == MOVED && !session->next_turn)
        session->next_turn = loop_timer(loop_of(session), 0, next_turn, session);
}

void session_go(struct session *session, int local_fd, struct str rest)
{
    int64_t handshake_ms = session->silent_since_ms;

    session->local_fd = local_fd;
    buf_add_str(&session->to_peer, str_head(rest, ENOUGH));
    set_patience(session, handshake_ms);
    take_turn(session);
}
