/*
 * Sessions that are taken up again. A server's are in tickets that clients keep, under
 * keys that the keeper shares between processes; those of clients without tickets are
 * kept by their id. A client's are kept by with whom and on what terms they were made: a
 * session is never resumed on other terms than those under which its certificate was
 * looked at.
 */
#include "tls/plugin/plugin.h"

#include "util/memory.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

static const struct tls_keeper *keeper_of(const struct tls_session *session)
{
    return session->context->settings->keeper;
}

static void note(const struct tls_session *session, const char *format, ...)
    PRINTF_LIKE(2, 3);

static void note(const struct tls_session *session, const char *format, ...)
{
    char text[TLS_SESSION_KEY + 200];
    va_list args;

    if (session->log_level < 2)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    session->listener.note(session->listener.context, text);
}

/* --- tickets ------------------------------------------------------------------------ */

static int use_mac(EVP_MAC_CTX *mac, const struct tls_ticket_key *key)
{
    unsigned char secret[sizeof key->mac];
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, secret, sizeof secret),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"sha256"}, 0),
        OSSL_PARAM_construct_end()};
    int done;

    memcpy(secret, key->mac, sizeof secret);
    done = EVP_MAC_CTX_set_params(mac, params);
    OPENSSL_cleanse(secret, sizeof secret);
    return done;
}

static int seal(const struct tls_session *session, unsigned char *name, unsigned char *iv,
                EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    const struct tls_keeper *keeper = keeper_of(session);
    const struct tls_ticket_key *key = keeper->ticket_key(keeper->context, NULL);
    const EVP_CIPHER *kind = session->context->ticket_cipher;

    if (!key || RAND_bytes(iv, EVP_CIPHER_get_iv_length(kind)) <= 0 ||
        !EVP_EncryptInit_ex(cipher, kind, NULL, key->secret, iv) || !use_mac(mac, key))
        return -1;
    memcpy(name, key->name, sizeof key->name);
    note(session, "Issuing session ticket, key expiration: %lld",
         (long long)key->expires);
    return 1;
}

static int unseal(const struct tls_session *session, const unsigned char *name,
                  const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    const struct tls_keeper *keeper = keeper_of(session);
    const struct tls_ticket_key *key = keeper->ticket_key(keeper->context, name);

    if (!key)
        return 0; /* a full handshake, and a new ticket */
    if (!EVP_DecryptInit_ex(cipher, session->context->ticket_cipher, NULL, key->secret,
                            iv) ||
        !use_mac(mac, key))
        return -1;
    note(session, "Decrypting session ticket, key expiration: %lld",
         (long long)key->expires);
    return 1;
}

static int ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv,
                      EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing)
{
    const struct tls_session *session = session_of(ssl);

    return sealing ? seal(session, name, iv, cipher, mac)
                   : unseal(session, name, iv, cipher, mac);
}

/* One that is good is not followed by another: a session lives as long as its first
 * ticket, and then certificates are looked at again. */
static SSL_TICKET_RETURN take_ticket(SSL *ssl, SSL_SESSION *found,
                                     const unsigned char *name, size_t name_length,
                                     SSL_TICKET_STATUS status, void *unused)
{
    struct tls_session *session = session_of(ssl);

    (void)found, (void)name, (void)name_length, (void)unused;
    if (status == SSL_TICKET_EMPTY || status == SSL_TICKET_NO_DECRYPT)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    session->by_ticket = true;
    SSL_set_num_tickets(ssl, 0);
    return SSL_TICKET_RETURN_USE;
}

static int make_ticket(SSL *ssl, void *unused)
{
    (void)ssl, (void)unused;
    return 1;
}

static int set_tickets(struct tls_context *context, struct fail *why)
{
    const struct tls_settings *settings = context->settings;
    const EVP_CIPHER *kind = NULL;

    if (settings->keeper && settings->keeper->ticket_key && *settings->ticket_cipher) {
        kind = EVP_get_cipherbyname(settings->ticket_cipher);
        if (!kind || EVP_CIPHER_get_mode(kind) != EVP_CIPH_CBC_MODE ||
            EVP_CIPHER_get_block_size(kind) != 16 ||
            EVP_CIPHER_get_key_length(kind) < 16 || EVP_CIPHER_get_key_length(kind) > 32)
            return fail_set(why,
                            "tls_session_ticket_cipher: \"%s\" is no cipher in CBC mode "
                            "with blocks of 128 bits and keys of 128 to 256 bits",
                            settings->ticket_cipher);
        context->ticket_cipher = kind;
        if (!SSL_CTX_set_tlsext_ticket_key_evp_cb(context->ctx, ticket_key))
            return fail_set(why, "cannot set the keys of TLS session tickets: %s",
                            library_reason());
    }
    if (!SSL_CTX_set_session_ticket_cb(context->ctx, make_ticket, take_ticket, NULL))
        return fail_set(why, "cannot set up TLS session tickets: %s", library_reason());
    return 0;
}

/* --- sessions that the keeper has --------------------------------------------------- */

static void keep(const struct tls_session *session, const char *key, SSL_SESSION *made)
{
    const struct tls_keeper *keeper = keeper_of(session);
    unsigned char *bytes = NULL;
    int n = i2d_SSL_SESSION(made, &bytes);

    if (n > 0) {
        note(session, "save session %s to %s cache", key, keeper->cache);
        keeper->keep(keeper->context, key, str_from((const char *)bytes, (size_t)n));
    }
    OPENSSL_clear_free(bytes, n > 0 ? (size_t)n : 0);
}

/* NULL = there is none, or it cannot be read: then it is as good as none. */
static SSL_SESSION *find(const struct tls_session *session, const char *key)
{
    const struct tls_keeper *keeper = keeper_of(session);
    SSL_SESSION *found = NULL;
    struct buf bytes;

    buf_init(&bytes, 2 * TLS_SESSION_MAX);
    if (keeper->find(keeper->context, key, &bytes)) {
        const unsigned char *p = (const unsigned char *)bytes.p;

        found = d2i_SSL_SESSION(NULL, &p, (long)bytes.n);
        ERR_clear_error();
    }
    buf_wipe(&bytes);
    buf_done(&bytes);
    if (found)
        note(session, "reloaded session %s from %s cache", key, keeper->cache);
    return found;
}

static void hexadecimal(char *to, const unsigned char *p, size_t n)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < n; i++) {
        *to++ = digits[p[i] >> 4];
        *to++ = digits[p[i] & 15];
    }
    *to = '\0';
}

/* --- a server ----------------------------------------------------------------------- */

static bool server_key(const struct tls_session *session, const unsigned char *id,
                       size_t n, char *to, size_t size)
{
    char text[2 * SSL_MAX_SSL_SESSION_ID_LENGTH + 1];

    if (n == 0 || n > SSL_MAX_SSL_SESSION_ID_LENGTH)
        return false;
    hexadecimal(text, id, n);
    return (size_t)snprintf(to, size, "%s&s=%s&l=%lu", text, session->service,
                            (unsigned long)OpenSSL_version_num()) < size;
}

/* Those that are in a ticket need no place here. */
static int server_made(SSL *ssl, SSL_SESSION *made)
{
    const struct tls_session *session = session_of(ssl);
    char key[TLS_SESSION_KEY + 1];
    unsigned n;
    const unsigned char *id = SSL_SESSION_get_id(made, &n);

    if ((SSL_version(ssl) < TLS1_3_VERSION || SSL_get_options(ssl) & SSL_OP_NO_TICKET) &&
        server_key(session, id, n, key, sizeof key))
        keep(session, key, made);
    return 0;
}

static SSL_SESSION *server_looks(SSL *ssl, const unsigned char *id, int n, int *ret_copy)
{
    const struct tls_session *session = session_of(ssl);
    char key[TLS_SESSION_KEY + 1];
    SSL_SESSION *found;

    *ret_copy = 0;
    if (n < 0 || !server_key(session, id, (size_t)n, key, sizeof key))
        return NULL;
    note(session, "looking up session %s in %s cache", key, keeper_of(session)->cache);
    found = find(session, key);
    if (found)
        SSL_set_num_tickets(ssl, 0); /* as with tickets: none follows */
    return found;
}

static int set_up_server(struct tls_context *context, struct fail *why)
{
    const struct tls_settings *settings = context->settings;
    SSL_CTX *ctx = context->ctx;
    bool tickets = !settings->keeper || *settings->ticket_cipher;

    if (settings->ticket_seconds <= 0) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(ctx, 0);
        return 0;
    }
    SSL_CTX_set_timeout(ctx, settings->ticket_seconds);
    SSL_CTX_set_num_tickets(ctx, 1);
    if (!context_name(ctx, NULL, settings->session_context))
        return fail_set(why, "cannot set the context of TLS sessions: %s",
                        library_reason());
    if (settings->keeper && settings->keeper->find) {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER |
                                                SSL_SESS_CACHE_NO_INTERNAL |
                                                SSL_SESS_CACHE_NO_AUTO_CLEAR);
        SSL_CTX_sess_set_new_cb(ctx, server_made);
        SSL_CTX_sess_set_get_cb(ctx, server_looks);
    } else if (!tickets)
        SSL_CTX_set_num_tickets(ctx, 0);
    if (!tickets)
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    return tickets ? set_tickets(context, why) : 0;
}

/* --- a client ----------------------------------------------------------------------- */

static void add(EVP_MD_CTX *hash, const char *text)
{
    EVP_DigestUpdate(hash, text, strlen(text) + 1);
}

/* All that decides whom we trust, and as whom we come. */
static void add_settings(EVP_MD_CTX *hash, const struct tls_settings *settings)
{
    char numbers[60];

    for (size_t i = 0; i < settings->chain_files.n; i++)
        add(hash, settings->chain_files.items[i]);
    for (size_t i = 0; i < TLS_PAIRS; i++) {
        add(hash, settings->pairs[i].cert_file);
        add(hash, settings->pairs[i].key_file);
    }
    add(hash, settings->CAfile);
    add(hash, settings->CApath);
    snprintf(numbers, sizeof numbers, "%d %d %lx", settings->append_default_CA,
             settings->verify_depth, OpenSSL_version_num());
    add(hash, numbers);
}

static void add_terms(EVP_MD_CTX *hash, const struct tls_terms *terms)
{
    char numbers[60];

    snprintf(numbers, sizeof numbers, "%x %x %x", (unsigned)terms->protocols.least,
             (unsigned)terms->protocols.most, terms->protocols.excluded);
    add(hash, numbers);
    add(hash, terms->ciphers);
    add(hash, terms->server_name ? terms->server_name : "");
    add(hash, terms->resume_peer);
    add(hash, terms->resume_terms);
}

/* With whom, for people, and a digest of that and of all terms. */
static bool make_client_key(struct tls_session *session, const struct tls_terms *terms)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char text[2 * EVP_MAX_MD_SIZE + 1];
    unsigned n = 0;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool done;

    done = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    if (done) {
        add_settings(hash, session->context->settings);
        add_terms(hash, terms);
        done = EVP_DigestFinal_ex(hash, digest, &n);
    }
    EVP_MD_CTX_free(hash);
    if (!done)
        return false;
    hexadecimal(text, digest, n);
    session->resume_key = memory_new(TLS_SESSION_KEY + 1, 1, "key of a TLS session");
    snprintf(session->resume_key, TLS_SESSION_KEY + 1, "%.300s&%.64s", terms->resume_peer,
             text);
    return true;
}

static int client_made(SSL *ssl, SSL_SESSION *made)
{
    const struct tls_session *session = session_of(ssl);

    if (session->resume_key && SSL_SESSION_is_resumable(made))
        keep(session, session->resume_key, made);
    return 0;
}

static void set_up_client(struct tls_context *context)
{
    const struct tls_settings *settings = context->settings;

    if (!settings->keeper || !settings->keeper->find) {
        SSL_CTX_set_options(context->ctx, SSL_OP_NO_TICKET);
        return;
    }
    if (settings->ticket_seconds > 0)
        SSL_CTX_set_timeout(context->ctx, settings->ticket_seconds);
    SSL_CTX_set_session_cache_mode(context->ctx, SSL_SESS_CACHE_CLIENT |
                                                     SSL_SESS_CACHE_NO_INTERNAL |
                                                     SSL_SESS_CACHE_NO_AUTO_CLEAR);
    SSL_CTX_sess_set_new_cb(context->ctx, client_made);
}

int resume_offer(struct tls_session *session, const struct tls_terms *terms)
{
    const struct tls_keeper *keeper = keeper_of(session);
    SSL_SESSION *found;

    if (session->context->settings->is_server || !keeper || !keeper->find ||
        !terms->resume_peer)
        return 1;
    if (!make_client_key(session, terms))
        return 0;
    note(session, "looking for session %s in %s cache", session->resume_key,
         keeper->cache);
    found = find(session, session->resume_key);
    session->offered = found != NULL;
    if (found) {
        SSL_set_session(session->ssl, found);
        SSL_SESSION_free(found);
        ERR_clear_error(); /* one that does not fit is not resumed */
    }
    return 1;
}

/* --- what came of it ---------------------------------------------------------------- */

int resume_set_up(struct tls_context *context, struct fail *why)
{
    SSL_CTX_set_session_cache_mode(context->ctx, SSL_SESS_CACHE_OFF);
    if (context->settings->is_server)
        return set_up_server(context, why);
    set_up_client(context);
    return 0;
}

void resume_tell(const struct tls_session *session)
{
    if (SSL_session_reused(session->ssl))
        note(session, "Reusing old session%s",
             session->by_ticket ? " (RFC 5077 session ticket)" : "");
}

void resume_failed(struct tls_session *session)
{
    const struct tls_keeper *keeper = keeper_of(session);

    if (session->offered)
        keeper->forget(keeper->context, session->resume_key);
}
