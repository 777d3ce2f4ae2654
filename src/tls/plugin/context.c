/*
 * A role: its keys, whom it trusts, which key exchanges.
 * Protocols and ciphers are matters of each session.
 */
#include "tls/plugin/plugin.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

/* --- trust -------------------------------------------------------------------------- */

static int load_authorities(SSL_CTX *ctx, const struct tls_settings *settings,
                            struct fail *why)
{
    const char *file = settings->CAfile, *path = settings->CApath;

    if (*file && !SSL_CTX_load_verify_file(ctx, file))
        return fail_set(why,
                        "cannot load Certification Authority data, CAfile=\"%s\": %s",
                        file, library_reason());
    if (*path && !SSL_CTX_load_verify_dir(ctx, path))
        return fail_set(why,
                        "cannot load Certification Authority data, CApath=\"%s\": %s",
                        path, library_reason());
    if ((*file || *path) && settings->append_default_CA &&
        !SSL_CTX_set_default_verify_paths(ctx))
        return fail_set(why, "cannot set certificate verification paths: %s",
                        library_reason());
    return 0;
}

/* A server names those whose certificates it would like to see. */
static void name_authorities(SSL_CTX *ctx, const char *file)
{
    STACK_OF(X509_NAME) *names = *file ? SSL_load_client_CA_file(file) : NULL;

    if (names)
        SSL_CTX_set_client_CA_list(ctx, names);
    ERR_clear_error();
}

/* A certificate for servers only, where main.cf lets clients have one. */
static bool is_server_certificate(const struct tls_session *session,
                                  X509_STORE_CTX *store)
{
    return session->context->settings->trust_server_ccerts &&
           session->context->settings->is_server &&
           X509_STORE_CTX_get_error_depth(store) == 0 &&
           X509_check_purpose(X509_STORE_CTX_get_current_cert(store),
                              X509_PURPOSE_SSL_SERVER, 0) == 1;
}

/* For those who look for faults. */
static void tell_certificate(const struct tls_session *session, X509_STORE_CTX *store,
                             int fine)
{
    X509 *certificate = X509_STORE_CTX_get_current_cert(store);
    char subject[300] = "", text[400];

    if (session->log_level < 2)
        return;
    if (certificate)
        X509_NAME_oneline(X509_get_subject_name(certificate), subject, sizeof subject);
    snprintf(text, sizeof text, "depth=%d verify=%d subject=%s",
             X509_STORE_CTX_get_error_depth(store), fine, subject);
    session->listener.note(session->listener.context, text);
}

/* The chain does not decide over the session, but the first fault in it is remembered,
 * and stays the result whatever follows. */
static int note_fault(int fine, X509_STORE_CTX *store)
{
    const SSL *ssl =
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_session *session = session_of(ssl);
    int error = X509_STORE_CTX_get_error(store);

    tell_certificate(session, store, fine);
    if (!fine && error == X509_V_ERR_INVALID_PURPOSE &&
        is_server_certificate(session, store))
        X509_STORE_CTX_set_error(store, X509_V_OK);
    else if (!fine && session->verify_error == X509_V_OK) {
        X509 *certificate = X509_STORE_CTX_get_current_cert(store);

        session->verify_error = error;
        if (certificate)
            X509_NAME_oneline(X509_get_issuer_name(certificate), session->issuer,
                              sizeof session->issuer);
    }
    if (session->verify_error != X509_V_OK)
        X509_STORE_CTX_set_error(store, session->verify_error);
    return 1;
}

static int set_trust(SSL_CTX *ctx, const struct tls_settings *settings, struct fail *why)
{
    bool look = !settings->is_server || settings->ask_certificate;

    if (load_authorities(ctx, settings, why) < 0)
        return -1;
    if (settings->is_server && settings->ask_certificate)
        name_authorities(ctx, settings->CAfile);
    SSL_CTX_set_verify(ctx, look ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, note_fault);
    SSL_CTX_set_verify_depth(ctx, settings->verify_depth);
    return 0;
}

/* --- key exchange ------------------------------------------------------------------- */

/* Groups that this OpenSSL does not know are left out. */
static int set_groups(SSL_CTX *ctx, const struct tls_settings *settings, struct fail *why)
{
    struct buf list;
    bool known;
    int done = 1;

    buf_init(&list, 4000);
    for (size_t i = 0; i < settings->groups.n; i++)
        if (strlen(settings->groups.items[i]) < 100 && list.n < 3000 &&
            SSL_CTX_set1_groups_list(ctx, settings->groups.items[i]) > 0)
            buf_printf(&list, "%s%s", list.n ? ":" : "", settings->groups.items[i]);
    ERR_clear_error();
    known = list.n > 0;
    if (known)
        done = SSL_CTX_set1_groups_list(ctx, buf_text(&list));
    buf_done(&list);
    if (done <= 0)
        return fail_set(why, "cannot set the groups for key exchange: %s",
                        library_reason());
    if (settings->groups.n > 0 && !known)
        return fail_set(why, "none of the groups of tls_eecdh_auto_curves and "
                             "tls_ffdhe_auto_groups is known to OpenSSL");
    return 0;
}

static int set_dh(SSL_CTX *ctx, const char *path, struct fail *why)
{
    BIO *file;
    EVP_PKEY *parameters;

    if (*path == '\0' || str_is(str_of(path), "auto")) {
        SSL_CTX_set_dh_auto(ctx, 1);
        return 0;
    }
    file = BIO_new_file(path, "r");
    parameters = file ? PEM_read_bio_Parameters(file, NULL) : NULL;
    BIO_free(file);
    if (!parameters || !SSL_CTX_set0_tmp_dh_pkey(ctx, parameters)) {
        EVP_PKEY_free(parameters);
        return fail_set(why, "cannot load DH parameters from file %s: %s", path,
                        library_reason());
    }
    return 0;
}

/* --- all of it ---------------------------------------------------------------------- */

static int set_options(SSL_CTX *ctx, const struct tls_settings *settings,
                       struct fail *why)
{
    uint64_t wanted, unwanted;

    if (options_parse("tls_ssl_options", &settings->options, &wanted, why) < 0 ||
        options_parse("tls_disable_workarounds", &settings->workarounds, &unwanted, why) <
            0)
        return -1;
    SSL_CTX_set_options(ctx, (SSL_OP_ALL & ~unwanted) | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_options(ctx, wanted);
    if (settings->prefer_own_ciphers)
        SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
    return 0;
}

int context_name(SSL_CTX *ctx, SSL *ssl, const char *name)
{
    unsigned char id[EVP_MAX_MD_SIZE];
    unsigned n;

    if (!EVP_Digest(name, strlen(name), id, &n, EVP_sha256(), NULL))
        return 0;
    return ctx ? SSL_CTX_set_session_id_context(ctx, id, n)
               : SSL_set_session_id_context(ssl, id, n);
}

static int set_up(struct tls_context *context, struct fail *why)
{
    SSL_CTX *ctx = context->ctx;
    const struct tls_settings *settings = context->settings;
    bool any;

    /* compat: opportunistic TLS takes old peers as they are; main.cf says what is weak */
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, 0);
    SSL_CTX_set_max_proto_version(ctx, 0);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1);
    if (settings->is_server)
        SSL_CTX_set_tlsext_servername_callback(ctx, session_server_name);
    if (set_options(ctx, settings, why) < 0 || keys_load(ctx, settings, &any, why) < 0 ||
        set_trust(ctx, settings, why) < 0 || set_groups(ctx, settings, why) < 0 ||
        set_dh(ctx, settings->dh_file, why) < 0 || resume_set_up(context, why) < 0)
        return -1;
    if (settings->is_server && !any && !settings->is_anonymous)
        return fail_set(why, "No server certs available. TLS won't be enabled");
    return 0;
}

struct tls_context *context_new(const struct tls_settings *settings, struct arena *arena,
                                struct fail *why)
{
    struct tls_context *context = ARENA_NEW(arena, struct tls_context);
    struct tls_settings *copy = ARENA_NEW(arena, struct tls_settings);

    if (library_configure(settings, why) < 0)
        return NULL;
    *copy = *settings;
    context->settings = copy;
    context->digest = EVP_get_digestbyname(settings->digest);
    if (!context->digest) {
        fail_set(why, "\"%s\" is no digest that OpenSSL knows", settings->digest);
        return NULL;
    }
    context->ctx =
        SSL_CTX_new(settings->is_server ? TLS_server_method() : TLS_client_method());
    if (!context->ctx) {
        fail_set(why, "cannot set up TLS: %s", library_reason());
        return NULL;
    }
    if (set_up(context, why) < 0) {
        SSL_CTX_free(context->ctx);
        ERR_clear_error();
        return NULL;
    }
    return context;
}

void context_free(struct tls_context *context)
{
    if (context)
        SSL_CTX_free(context->ctx);
}
