/*
 * Sessions for programs that never wait. OpenSSL moves the bytes on the descriptor
 * itself, and tells what it would have to wait for.
 */
#include "tls/plugin/plugin.h"

#include <errno.h>
#include <openssl/err.h>

struct tls_session *engine_open(struct tls_context *context, int fd,
                                const struct tls_terms *terms)
{
    struct tls_session *session = session_new(context, terms);

    if (!session)
        return NULL;
    if (SSL_set_fd(session->ssl, fd)) {
        if (context->settings->is_server)
            SSL_set_accept_state(session->ssl);
        else
            SSL_set_connect_state(session->ssl);
        return session;
    }
    library_problems(&session->listener);
    session_free(session);
    return NULL;
}

static bool is_lost(int code)
{
    return code == 0 || code == ECONNRESET || code == EPIPE || code == ETIMEDOUT;
}

/* What a call that moved nothing has met. */
static enum tls_step met(struct tls_session *session, int result)
{
    int code = errno;

    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return TLS_STEP_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_STEP_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_STEP_END;
    case SSL_ERROR_SYSCALL:
        session->broken = true;
        ERR_clear_error();
        return is_lost(code) ? TLS_STEP_END : TLS_STEP_FAILED;
    default:
        session->broken = true;
        library_problems(&session->listener);
        return TLS_STEP_FAILED;
    }
}

enum tls_step engine_shake(struct tls_session *session, struct arena *arena,
                           struct tls_facts *ret)
{
    int done;

    ERR_clear_error();
    errno = 0;
    done = SSL_do_handshake(session->ssl);
    if (done <= 0)
        return met(session, done);
    session->shaken = true;
    resume_tell(session);
    facts_find(session, arena, ret);
    return TLS_STEP_DONE;
}

enum tls_step engine_read(struct tls_session *session, void *p, size_t n, size_t *ret)
{
    int done;

    ERR_clear_error();
    errno = 0;
    done = SSL_read_ex(session->ssl, p, n, ret);
    return done > 0 ? TLS_STEP_DONE : met(session, done);
}

enum tls_step engine_write(struct tls_session *session, const void *p, size_t n,
                           size_t *ret)
{
    int done;

    ERR_clear_error();
    errno = 0;
    done = SSL_write_ex(session->ssl, p, n, ret);
    return done > 0 ? TLS_STEP_DONE : met(session, done);
}

/* The peer's answer is not waited for: who asks for it is told of the end by TCP. */
enum tls_step engine_goodbye(struct tls_session *session)
{
    int done;

    if (session->broken || !session->shaken)
        return TLS_STEP_DONE;
    ERR_clear_error();
    errno = 0;
    done = SSL_shutdown(session->ssl);
    return done >= 0 ? TLS_STEP_DONE : met(session, done);
}
