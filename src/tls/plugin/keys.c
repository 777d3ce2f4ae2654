/*
 * Keys and certificates from PEM files. A chain file holds, for each kind of key, the
 * key, its certificate, and those of the authorities above it, in this order.
 */
#include "tls/plugin/plugin.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>

/* One key and its chain, while a file is read, and who is to have it: a role, or one
 * session. */
struct chain {
    SSL_CTX *ctx;
    SSL *ssl;
    EVP_PKEY *key;
    X509 *leaf;
    STACK_OF(X509) * above;
};

static void chain_done(struct chain *chain)
{
    EVP_PKEY_free(chain->key);
    X509_free(chain->leaf);
    sk_X509_pop_free(chain->above, X509_free);
    *chain = (struct chain){.ctx = chain->ctx, .ssl = chain->ssl};
}

/* Nobody is there to be asked for the password of a key. */
static int no_password(char *to, int size, int writing, void *context)
{
    (void)to, (void)size, (void)writing, (void)context;
    return -1;
}

/* A chain is complete: the server has it from now on. */
static int chain_use(struct chain *chain, const char *path, struct fail *why)
{
    int result = 0, done;

    if (!chain->key)
        return 0;
    if (!chain->leaf) {
        result = fail_set(why, "%s: a key without a certificate behind it", path);
    } else {
        done = chain->ssl ? SSL_use_cert_and_key(chain->ssl, chain->leaf, chain->key,
                                                 chain->above, 1)
                          : SSL_CTX_use_cert_and_key(chain->ctx, chain->leaf, chain->key,
                                                     chain->above, 1);
        if (!done)
            result = fail_set(why, "%s: %s", path, library_reason());
    }
    chain_done(chain);
    return result;
}

static bool is_key(const char *name)
{
    return str_is(str_of(name), PEM_STRING_PKCS8INF) ||
           str_ends(str_of(name), " PRIVATE KEY");
}

/* One PEM object of a file. */
struct object {
    const char *path;
    char *name;
    unsigned char *data;
    long n;
};

static int take_key(struct chain *chain, const struct object *object, struct fail *why)
{
    const unsigned char *data = object->data;

    chain->key = d2i_AutoPrivateKey(NULL, &data, object->n);
    if (!chain->key)
        return fail_set(why, "%s: a key that cannot be read: %s", object->path,
                        library_reason());
    return 0;
}

static int take_certificate(struct chain *chain, const struct object *object,
                            struct fail *why)
{
    const unsigned char *data = object->data;
    X509 *certificate = d2i_X509(NULL, &data, object->n);

    if (!certificate)
        return fail_set(why, "%s: a certificate that cannot be read: %s", object->path,
                        library_reason());
    if (!chain->key) {
        X509_free(certificate);
        return fail_set(why, "%s: a certificate without its key in front of it",
                        object->path);
    }
    if (!chain->leaf) {
        chain->leaf = certificate;
    } else {
        if (!chain->above)
            chain->above = sk_X509_new_null();
        sk_X509_push(chain->above, certificate);
    }
    return 0;
}

/* Parameters of keys and what else stands there is passed over. */
static int take(struct chain *chain, const struct object *object, struct fail *why)
{
    if (is_key(object->name))
        return chain_use(chain, object->path, why) < 0 ? -1
                                                       : take_key(chain, object, why);
    if (str_is(str_of(object->name), PEM_STRING_X509) ||
        str_is(str_of(object->name), PEM_STRING_X509_OLD))
        return take_certificate(chain, object, why);
    return 0;
}

/* All PEM objects of a file; chains may go on in the next one. */
static int read_file(struct chain *chain, const char *path, BIO *file, struct fail *why)
{
    struct object object = {.path = path};
    int result = 0, objects = 0;
    char *header;

    while (result == 0 &&
           PEM_read_bio(file, &object.name, &header, &object.data, &object.n)) {
        if (*header)
            result = fail_set(why, "%s: a key with a password", path);
        else
            result = take(chain, &object, why);
        OPENSSL_free(object.name);
        OPENSSL_free(header);
        OPENSSL_clear_free(object.data, (size_t)object.n);
        objects++;
    }
    if (result == 0 && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        result = fail_set(why, "%s: %s", path, library_reason());
    else if (result == 0 && objects == 0)
        result = fail_set(why, "%s: there is neither a key nor a certificate", path);
    ERR_clear_error();
    return result;
}

static int load_chains(SSL_CTX *ctx, const struct texts *files, struct fail *why)
{
    struct chain chain = {.ctx = ctx};
    int result = 0;

    for (size_t i = 0; i < files->n && result == 0; i++) {
        BIO *file = BIO_new_file(files->items[i], "r");

        if (file)
            result = read_file(&chain, files->items[i], file, why);
        else
            result = fail_set(why, "error opening chain file: %s: %m", files->items[i]);
        BIO_free(file);
    }
    if (result == 0 && chain.key)
        result = chain_use(&chain, files->items[files->n - 1], why);
    chain_done(&chain);
    return result;
}

int keys_use(SSL *ssl, struct str pem, const char *whence, struct fail *why)
{
    struct chain chain = {.ssl = ssl};
    BIO *file = BIO_new_mem_buf(pem.p, (int)pem.n);
    int result;

    if (!file || pem.n > INT_MAX)
        return fail_set(why, "%s: cannot read %zu bytes", whence, pem.n);
    SSL_certs_clear(ssl); /* one of another kind would be for another name */
    result = read_file(&chain, whence, file, why);
    if (result == 0)
        result = chain_use(&chain, whence, why);
    chain_done(&chain);
    BIO_free(file);
    return result;
}

/* --- a certificate and a key in a file each ----------------------------------------- */

static int load_pair(SSL_CTX *ctx, const struct tls_pair *pair, struct fail *why)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, pair->cert_file) <= 0)
        return fail_set(why, "cannot get %s certificate from file \"%s\": %s", pair->kind,
                        pair->cert_file, library_reason());
    if (SSL_CTX_use_PrivateKey_file(ctx, pair->key_file, SSL_FILETYPE_PEM) <= 0)
        return fail_set(why, "cannot get %s private key from file \"%s\": %s", pair->kind,
                        pair->key_file, library_reason());
    if (!SSL_CTX_check_private_key(ctx))
        return fail_set(why, "%s private key in %s does not match public key in %s",
                        pair->kind, pair->key_file, pair->cert_file);
    return 0;
}

int keys_load(SSL_CTX *ctx, const struct tls_settings *settings, bool *ret_any,
              struct fail *why)
{
    bool any = settings->chain_files.n > 0;

    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    if (any && load_chains(ctx, &settings->chain_files, why) < 0)
        return -1;
    for (size_t i = 0; i < TLS_PAIRS && settings->chain_files.n == 0; i++) {
        if (*settings->pairs[i].cert_file == '\0')
            continue;
        any = true;
        if (load_pair(ctx, &settings->pairs[i], why) < 0)
            return -1;
    }
    *ret_any = any;
    return 0;
}
