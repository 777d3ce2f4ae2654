/*
 * One connection: the handshake, and the operations of its stream. OpenSSL gets its bytes
 * from a BIO of ours that has the stream do all the waiting.
 */
#include "tls/plugin/plugin.h"

#include "util/clock.h"
#include "util/memory.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

enum { GOODBYE_MS = 1000 };

/* --- bytes below -------------------------------------------------------------------- */

/* What a raw call gave, as OpenSSL wants to hear it. */
static int moved(BIO *bio, ssize_t n)
{
    struct tls_session *session = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (n > 0)
        return (int)n;
    if (n == 0 || errno == ECONNRESET || errno == EPIPE || errno == ETIMEDOUT)
        session->ended = true;
    else if (errno == EAGAIN || errno == EWOULDBLOCK)
        session->timed_out = true;
    return n == 0 ? 0 : -1;
}

/* What the stream had read before it was one of TLS comes first. */
static ssize_t read_next(struct tls_session *session, char *to, size_t size)
{
    struct str piece = str_head(session->ahead, size);

    if (piece.n == 0)
        return stream_raw_read(session->stream, to, size);
    memcpy(to, piece.p, piece.n);
    session->ahead = str_tail(session->ahead, piece.n);
    return (ssize_t)piece.n;
}

static int bytes_read(BIO *bio, char *to, int size)
{
    struct tls_session *session = BIO_get_data(bio);
    int n = moved(bio, read_next(session, to, (size_t)size));

    if (session->timed_out && n < 0)
        BIO_set_retry_read(bio); /* no fault: there may be words to say about it */
    return n;
}

static int bytes_write(BIO *bio, const char *from, int size)
{
    struct tls_session *session = BIO_get_data(bio);

    return moved(bio, stream_raw_write(session->stream, from, (size_t)size));
}

static long bytes_control(BIO *bio, int command, long number, void *pointer)
{
    const struct tls_session *session = BIO_get_data(bio);

    (void)number, (void)pointer;
    if (command == BIO_CTRL_EOF)
        return session->ended;
    return command == BIO_CTRL_FLUSH; /* all else is not for us */
}

static BIO_METHOD *bytes_method(void)
{
    static BIO_METHOD *method;

    if (!method) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
        BIO_meth_set_read(method, bytes_read);
        BIO_meth_set_write(method, bytes_write);
        BIO_meth_set_ctrl(method, bytes_control);
    }
    return method;
}

/* --- operations of the stream ------------------------------------------------------- */

/* Reading or writing gave nothing: 0 = the end, or -1 with errno. */
static ssize_t stopped(struct tls_session *session, int result)
{
    int error = SSL_get_error(session->ssl, result);

    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    if (session->timed_out) {
        session->timed_out = false;
        errno = EAGAIN;
        return -1;
    }
    session->broken = true;
    if (session->ended) {
        ERR_clear_error();
        errno = ECONNRESET;
        return -1;
    }
    library_problems(&session->listener);
    errno = EPROTO;
    return -1;
}

static ssize_t plain_read(void *state, void *p, size_t n)
{
    struct tls_session *session = state;
    int got;

    ERR_clear_error();
    got = SSL_read(session->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
    return got > 0 ? got : stopped(session, got);
}

static ssize_t plain_write(void *state, const void *p, size_t n)
{
    struct tls_session *session = state;
    ssize_t result;
    int done;

    ERR_clear_error();
    done = SSL_write(session->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
    if (done > 0)
        return done;
    result = stopped(session, done);
    if (result == 0) { /* there is no end of input in this direction */
        errno = EPIPE;
        result = -1;
    }
    return result;
}

static bool has_input(void *state)
{
    const struct tls_session *session = state;

    return session->ahead.n > 0 || SSL_has_pending(session->ssl);
}

/* RFC 8446 section 6.1: who goes says so, lest the end be taken for an attack. */
static void say_goodbye(struct tls_session *session)
{
    if (session->broken || session->ended || !session->shaken ||
        stream_output_result(session->stream) != STREAM_OK)
        return;
    stream_set_timeout(session->stream, -1);
    stream_set_deadline(session->stream, clock_ms(&clock_system) + GOODBYE_MS);
    if (SSL_shutdown(session->ssl) == 0 && session->context->settings->slow_shutdown)
        SSL_shutdown(session->ssl);
    ERR_clear_error();
}

static void session_close(void *state)
{
    struct tls_session *session = state;

    say_goodbye(session);
    session_free(session);
}

static const struct stream_ops encrypted = {.read = plain_read,
                                            .write = plain_write,
                                            .close = session_close,
                                            .has_input = has_input,
                                            .waits = true};

/* --- the handshake ------------------------------------------------------------------ */

static int set_protocols(SSL *ssl, const struct tls_protocols *protocols)
{
    static const uint64_t without[] = {SSL_OP_NO_SSLv3, SSL_OP_NO_TLSv1,
                                       SSL_OP_NO_TLSv1_1, SSL_OP_NO_TLSv1_2,
                                       SSL_OP_NO_TLSv1_3};

    for (size_t i = 0; i < COUNT(without); i++)
        if (protocols->excluded & 1U << i)
            SSL_set_options(ssl, without[i]);
    return SSL_set_min_proto_version(ssl, protocols->least) &&
           SSL_set_max_proto_version(ssl, protocols->most);
}

/* Steps of the handshake, for those who look for faults. */
static void tell_step(const SSL *ssl, int where, int result)
{
    const struct tls_session *session = session_of(ssl);
    const char *role = where & SSL_ST_ACCEPT ? "SSL_accept" : "SSL_connect";
    char text[200];

    if (where & SSL_CB_LOOP)
        snprintf(text, sizeof text, "%s:%s", role, SSL_state_string_long(ssl));
    else if (where & SSL_CB_ALERT)
        snprintf(text, sizeof text, "SSL3 alert %s:%s:%s",
                 where & SSL_CB_READ ? "read" : "write",
                 SSL_alert_type_string_long(result), SSL_alert_desc_string_long(result));
    else if ((where & SSL_CB_EXIT) && result <= 0)
        snprintf(text, sizeof text, "%s:%s in %s", role, result == 0 ? "failed" : "error",
                 SSL_state_string_long(ssl));
    else
        return;
    session->listener.note(session->listener.context, text);
}

/* What can stand in a table, and in the log. */
static bool is_name(const char *name)
{
    static const char bytes[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t n = strlen(name);

    return n > 0 && n < sizeof((struct tls_session *)0)->server_name && *name != '.' &&
           strspn(name, bytes) == n;
}

int session_server_name(SSL *ssl, int *ret_alert, void *unused)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    struct tls_session *session = session_of(ssl);
    struct tls_listener *listener = &session->listener;
    struct fail why = {0};
    struct str pem;
    int found;

    (void)unused;
    if (!name || !is_name(name))
        return SSL_TLSEXT_ERR_NOACK;
    memcpy(session->server_name, name, strlen(name) + 1);
    found = session->find_chain ? session->find_chain(listener->context, name, &pem) : 0;
    if (found > 0 && keys_use(ssl, pem, name, &why) < 0) {
        listener->problem(listener->context, why.text);
        found = -1;
    }
    *ret_alert = SSL_AD_INTERNAL_ERROR;
    if (found < 0)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    session->has_server_name = found > 0;
    return found > 0 ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static int set_up(struct tls_session *session, const struct tls_terms *terms)
{
    SSL *ssl = session->ssl;

    if (terms->log_level >= 2)
        SSL_set_info_callback(ssl, tell_step);
    return SSL_set_ex_data(ssl, library_index(), session) &&
           set_protocols(ssl, &terms->protocols) &&
           SSL_set_cipher_list(ssl, terms->ciphers) &&
           (!terms->server_name || SSL_set_tlsext_host_name(ssl, terms->server_name)) &&
           (!terms->session_context || context_name(NULL, ssl, terms->session_context));
}

struct tls_session *session_new(struct tls_context *context,
                                const struct tls_terms *terms)
{
    struct tls_session *session = MEMORY_NEW(struct tls_session);

    session->context = context;
    session->listener = terms->listener;
    session->log_level = terms->log_level;
    session->find_chain = terms->find_chain;
    session->service = terms->session_context ? terms->session_context
                                              : context->settings->session_context;
    session->ssl = SSL_new(context->ctx);
    if (session->ssl && set_up(session, terms) && resume_offer(session, terms))
        return session;
    library_problems(&session->listener);
    session_free(session);
    return NULL;
}

void session_free(struct tls_session *session)
{
    SSL_free(session->ssl);
    free(session->resume_key);
    free(session);
}

static int use_stream(struct tls_session *session, struct stream *stream)
{
    BIO *bytes = BIO_new(bytes_method());

    if (!bytes)
        return 0;
    BIO_set_data(bytes, session);
    BIO_set_init(bytes, 1);
    SSL_set_bio(session->ssl, bytes, bytes);
    session->stream = stream;
    return 1;
}

static enum tls_result shake(struct tls_session *session)
{
    bool server = session->context->settings->is_server;
    int done;

    ERR_clear_error();
    done = server ? SSL_accept(session->ssl) : SSL_connect(session->ssl);
    if (done > 0) {
        session->shaken = true;
        resume_tell(session);
        return TLS_DONE;
    }
    session->broken = true;
    resume_failed(session);
    if (session->timed_out || session->ended) {
        ERR_clear_error();
        return session->timed_out ? TLS_TIMEOUT : TLS_LOST;
    }
    library_problems(&session->listener);
    return TLS_FAILED;
}

enum tls_result session_start(struct tls_context *context, struct stream *stream,
                              const struct tls_terms *terms, struct arena *arena,
                              struct tls_facts *ret)
{
    struct tls_session *session = session_new(context, terms);
    enum tls_result result = TLS_FAILED;

    if (!session)
        return TLS_FAILED;
    if (terms->takes_buffered) {
        struct str buffered = stream_buffered(stream);

        session->ahead = str_from(arena_copy_str(arena, buffered), buffered.n);
    }
    stream_purge_input(stream);
    if (use_stream(session, stream))
        result = shake(session);
    else
        library_problems(&session->listener);
    if (result != TLS_DONE) {
        session_free(session);
        return result;
    }
    facts_find(session, arena, ret);
    stream_set_ops(stream, &encrypted, session);
    return TLS_DONE;
}
