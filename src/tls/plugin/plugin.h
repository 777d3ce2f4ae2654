/*
 * The parts of the plug-in. Reading order: library.c (what it offers), context.c and
 * keys.c (what a role has), session.c (a connection), facts.c (what came of it).
 */
#ifndef TLS_PLUGIN_PLUGIN_H
#define TLS_PLUGIN_PLUGIN_H

#include "tls/tls.h"

#include <openssl/ssl.h>

struct tls_context {
    SSL_CTX *ctx;
    const struct tls_settings *settings; /* a copy that lives as long as the context */
    const EVP_MD *digest;
    const EVP_CIPHER *ticket_cipher; /* NULL = no tickets with keys of the keeper's */
};

/* One connection; the state of its stream operations. */
struct tls_session {
    SSL *ssl;
    const struct tls_context *context;
    struct stream *stream;
    struct str ahead; /* that the stream had read before */
    struct tls_listener listener;
    int log_level;
    bool shaken;      /* hands have been shaken */
    bool ended;       /* the peer hung up */
    bool timed_out;   /* the stream's time limit passed */
    bool broken;      /* nothing more can be said */
    int verify_error; /* the first, X509_V_ERR_... */
    char issuer[300]; /* whom the certificate with that error is from */
    int (*find_chain)(void *context, const char *server_name, struct str *ret);
    char *resume_key;    /* by which its session is kept; NULL = it is not */
    bool offered;        /* one that was kept */
    const char *service; /* the same, of a server: whose sessions are its own */
    bool by_ticket;      /* the client has shown a ticket that is good */
    char server_name[256];
    bool has_server_name; /* there is a chain for it */
};

/* --- library.c --- */

/* Read what main.cf says of OpenSSL's own configuration; once, before anything else. */
int library_configure(const struct tls_settings *settings, struct fail *why) MUST_CHECK;
/* Tell the listener what OpenSSL has to complain of. */
void library_problems(const struct tls_listener *listener);
/* The oldest complaint, in few words; the others are forgotten. */
const char *library_reason(void);
/* The session that OpenSSL calls ssl. */
struct tls_session *session_of(const SSL *ssl);
int library_index(void);

/* --- keys.c --- */

/* Load what the settings name; *ret_any tells whether there was any. */
int keys_load(SSL_CTX *ctx, const struct tls_settings *settings, bool *ret_any,
              struct fail *why) MUST_CHECK;

/* Have one session use the keys and chains in PEM text, and no others; whence: for words
 * of what is wrong with them. */
int keys_use(SSL *ssl, struct str pem, const char *whence, struct fail *why) MUST_CHECK;

/* --- options.c --- */

/* Option bits from names of OpenSSL's or numbers, without the leading SSL_OP_. */
int options_parse(const char *param, const struct texts *words, uint64_t *ret,
                  struct fail *why) MUST_CHECK;

/* --- context.c --- */

struct tls_context *context_new(const struct tls_settings *settings, struct arena *arena,
                                struct fail *why);
void context_free(struct tls_context *context);

/* What tells sessions of one service from those of another: of a context, or of a session
 * (then ctx is NULL). 0 = OpenSSL is out of order. */
int context_name(SSL_CTX *ctx, SSL *ssl, const char *name);

/* --- session.c --- */

enum tls_result session_start(struct tls_context *context, struct stream *stream,
                              const struct tls_terms *terms, struct arena *arena,
                              struct tls_facts *ret);

/* A session of these terms, whose bytes move by a BIO that the caller gives it. NULL: the
 * listener has heard why. */
struct tls_session *session_new(struct tls_context *context,
                                const struct tls_terms *terms);
void session_free(struct tls_session *session);

/* The client asks for a name, and may get another certificate. */
int session_server_name(SSL *ssl, int *ret_alert, void *unused);

/* --- engine.c: sessions that do not wait --- */

struct tls_session *engine_open(struct tls_context *context, int fd,
                                const struct tls_terms *terms);
enum tls_step engine_shake(struct tls_session *session, struct arena *arena,
                           struct tls_facts *ret);
enum tls_step engine_read(struct tls_session *session, void *p, size_t n, size_t *ret);
enum tls_step engine_write(struct tls_session *session, const void *p, size_t n,
                           size_t *ret);
enum tls_step engine_goodbye(struct tls_session *session);

/* --- resume.c: sessions that are taken up again --- */

/* What a context needs for it. */
int resume_set_up(struct tls_context *context, struct fail *why) MUST_CHECK;
/* A client: look for a session that was kept. 0 = OpenSSL is out of order. */
int resume_offer(struct tls_session *session, const struct tls_terms *terms);
/* A handshake is done: tell the log whether it was resumed. */
void resume_tell(const struct tls_session *session);
/* The handshake has failed: a session that was offered may be why. */
void resume_failed(struct tls_session *session);

/* --- facts.c --- */

/* All that is to be said of a session whose handshake is done. */
void facts_find(const struct tls_session *session, struct arena *arena,
                struct tls_facts *ret);

#endif
