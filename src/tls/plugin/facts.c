/*
 * What came of a handshake. Texts from a certificate are its owner's to choose: what is
 * not printable becomes "?", and a name with a NUL in it, made to look like another one
 * (CVE-2009-2408), is no name.
 */
#include "tls/plugin/plugin.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

enum { NAME_MAX_BYTES = 256, NAMES_MAX = 1000 };

static const char *printable(struct arena *arena, const char *p, size_t n)
{
    char *text = arena_copy_str(arena, str_from(p, n));

    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 127)
            text[i] = '?';
    return text;
}

/* --- the peer's certificate --------------------------------------------------------- */

/* The most particular common name of a subject or issuer, in UTF-8. */
static const char *common_name(struct arena *arena, const X509_NAME *name)
{
    unsigned char *utf8 = NULL;
    const char *text = "";
    int at = -1, last = -1, n;

    while ((at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0)
        last = at;
    if (last < 0)
        return "";
    n = ASN1_STRING_to_UTF8(&utf8,
                            X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
    if (n > 0 && n < NAME_MAX_BYTES && !memchr(utf8, '\0', (size_t)n))
        text = printable(arena, (const char *)utf8, (size_t)n);
    OPENSSL_free(utf8);
    return text;
}

/* The issuer by common name, or by organization. */
static const char *issuer_name(struct arena *arena, const X509 *certificate)
{
    const X509_NAME *name = X509_get_issuer_name(certificate);
    const char *text = common_name(arena, name);
    char organization[NAME_MAX_BYTES];
    int n;

    if (*text)
        return text;
    n = X509_NAME_get_text_by_NID(name, NID_organizationName, organization,
                                  sizeof organization);
    return n > 0 ? printable(arena, organization, strlen(organization)) : "";
}

static void find_names(struct arena *arena, const X509 *certificate, struct texts *names)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; i < sk_GENERAL_NAME_num(all) && i < NAMES_MAX; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
        const char *p;
        size_t n;

        if (name->type != GEN_DNS)
            continue;
        p = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
        n = (size_t)ASN1_STRING_length(name->d.dNSName);
        /* one that is no name still says that the common name does not count */
        texts_add(names, arena,
                  n < NAME_MAX_BYTES && !memchr(p, '\0', n) ? printable(arena, p, n)
                                                            : "");
    }
    GENERAL_NAMES_free(all);
}

static const char *hexadecimal(struct arena *arena, const unsigned char *p, unsigned n)
{
    static const char digits[] = "0123456789ABCDEF";
    char *text = arena_array(arena, (size_t)n * 3 + 1, 1), *to = text;

    for (unsigned i = 0; i < n; i++) {
        if (i)
            *to++ = ':';
        *to++ = digits[p[i] >> 4];
        *to++ = digits[p[i] & 15];
    }
    *to = '\0';
    return text;
}

static const char *certificate_fingerprint(struct arena *arena, const X509 *certificate,
                                           const EVP_MD *digest)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n;

    return X509_digest(certificate, digest, bytes, &n) ? hexadecimal(arena, bytes, n)
                                                       : "";
}

static const char *key_fingerprint(struct arena *arena, const X509 *certificate,
                                   const EVP_MD *digest)
{
    unsigned char bytes[EVP_MAX_MD_SIZE], *key = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key);
    const char *text = "";
    unsigned size;

    if (n > 0 && EVP_Digest(key, (size_t)n, bytes, &size, digest, NULL))
        text = hexadecimal(arena, bytes, size);
    OPENSSL_free(key);
    return text;
}

/* Whom the certificate with the fault is from; of a session that was resumed only the
 * peer's own is known. */
static const char *issuer_of(const struct tls_session *session, struct arena *arena)
{
    const X509 *own = SSL_get0_peer_certificate(session->ssl);
    char name[sizeof session->issuer] = "";

    memcpy(name, session->issuer, sizeof name);
    if (*name == '\0' && own)
        X509_NAME_oneline(X509_get_issuer_name(own), name, sizeof name);
    return printable(arena, name, strlen(name));
}

/* compat: the words of the log. */
static const char *fault_words(const struct tls_session *session, struct arena *arena,
                               long error)
{
    switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return arena_printf(arena, "untrusted issuer %s", issuer_of(session, arena));
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return "self-signed certificate";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "certificate not yet valid";
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "certificate has expired";
    case X509_V_ERR_INVALID_PURPOSE:
        return "not designated for use as a certificate of its role";
    default:
        return arena_printf(arena, "num=%ld:%s", error,
                            X509_verify_cert_error_string(error));
    }
}

static void find_peer(const struct tls_session *session, struct arena *arena,
                      struct tls_facts *facts)
{
    const X509 *certificate = SSL_get0_peer_certificate(session->ssl);
    const EVP_MD *digest = session->context->digest;
    long error = SSL_get_verify_result(session->ssl);

    facts->subject_cn = facts->issuer_cn = facts->why_not = "";
    facts->fingerprint = facts->key_fingerprint = "";
    if (!certificate)
        return;
    facts->has_certificate = true;
    facts->is_trusted = error == X509_V_OK;
    if (!facts->is_trusted)
        facts->why_not = fault_words(session, arena, error);
    facts->subject_cn = common_name(arena, X509_get_subject_name(certificate));
    facts->issuer_cn = issuer_name(arena, certificate);
    facts->fingerprint = certificate_fingerprint(arena, certificate, digest);
    facts->key_fingerprint = key_fingerprint(arena, certificate, digest);
    find_names(arena, certificate, &facts->names);
}

/* --- key exchange and signatures ---------------------------------------------------- */

static const char *group_of(struct arena *arena, const EVP_PKEY *key)
{
    char group[80];
    size_t n;

    return EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1
               ? arena_copy(arena, group)
               : "";
}

/* "X25519", "ECDHE (prime256v1)", "DHE (2048 bits)". */
static const char *exchange_words(struct arena *arena, SSL *ssl)
{
    EVP_PKEY *key = NULL;
    const char *words = "";

    if (SSL_get_peer_tmp_key(ssl, &key) != 1 && SSL_get_tmp_key(ssl, &key) != 1)
        return "";
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_DH:
        words = arena_printf(arena, "DHE (%d bits)", EVP_PKEY_get_bits(key));
        break;
    case EVP_PKEY_EC:
        words = arena_printf(arena, "ECDHE (%s)", group_of(arena, key));
        break;
    default:
        words = EVP_PKEY_get0_type_name(key)
                    ? arena_copy(arena, EVP_PKEY_get0_type_name(key))
                    : "";
    }
    EVP_PKEY_free(key);
    return words;
}

/* "RSA-PSS (2048 bits)", "ECDSA (prime256v1)", "ED25519": a kind of signature by a key.
 */
static const char *signature_words(struct arena *arena, int kind, const EVP_PKEY *key)
{
    switch (kind) {
    case NID_rsassaPss:
        return arena_printf(arena, "RSA-PSS (%d bits)", EVP_PKEY_get_bits(key));
    case NID_rsaEncryption:
        return arena_printf(arena, "RSA (%d bits)", EVP_PKEY_get_bits(key));
    case NID_X9_62_id_ecPublicKey:
        return arena_printf(arena, "ECDSA (%s)", group_of(arena, key));
    default:
        return OBJ_nid2sn(kind) ? OBJ_nid2sn(kind) : "";
    }
}

struct signature {
    const char **words, **digest;
    int has_kind, kind, has_digest, digest_nid;
    const X509 *certificate;
    bool was_made; /* in the session that is resumed: the key tells what kind it had */
};

/* RFC 8446 section 4.2.3: RSA keys sign in one way only. */
static int kind_of(int key)
{
    return key == EVP_PKEY_RSA ? NID_rsassaPss : key;
}

static void find_signature(struct arena *arena, const struct signature *s)
{
    EVP_PKEY *key = s->certificate ? X509_get0_pubkey(s->certificate) : NULL;

    if (!key || (s->has_kind != 1 && !s->was_made))
        return;
    *s->words = signature_words(
        arena, s->has_kind == 1 ? s->kind : kind_of(EVP_PKEY_get_base_id(key)), key);
    if (s->has_digest == 1 && s->digest_nid != NID_undef)
        *s->digest = OBJ_nid2sn(s->digest_nid);
}

/* compat: before TLSv1.3 the name of the cipher says as much. */
static void find_exchange(const struct tls_session *session, struct arena *arena,
                          struct tls_facts *facts)
{
    SSL *ssl = session->ssl;
    bool server = session->context->settings->is_server;
    struct signature own = {.certificate = SSL_get_certificate(ssl)};
    struct signature peer = {.certificate = SSL_get0_peer_certificate(ssl)};

    facts->key_exchange = facts->server_signature = facts->server_digest = "";
    facts->client_signature = facts->client_digest = "";
    if (SSL_version(ssl) < TLS1_3_VERSION)
        return;
    facts->key_exchange = exchange_words(arena, ssl);
    own.has_kind = SSL_get_signature_type_nid(ssl, &own.kind);
    own.has_digest = SSL_get_signature_nid(ssl, &own.digest_nid);
    peer.has_kind = SSL_get_peer_signature_type_nid(ssl, &peer.kind);
    peer.has_digest = SSL_get_peer_signature_nid(ssl, &peer.digest_nid);
    own.was_made = server && SSL_session_reused(ssl);
    peer.was_made = SSL_session_reused(ssl);
    own.words = server ? &facts->server_signature : &facts->client_signature;
    own.digest = server ? &facts->server_digest : &facts->client_digest;
    peer.words = server ? &facts->client_signature : &facts->server_signature;
    peer.digest = server ? &facts->client_digest : &facts->server_digest;
    find_signature(arena, &own);
    find_signature(arena, &peer);
}

void facts_find(const struct tls_session *session, struct arena *arena,
                struct tls_facts *ret)
{
    SSL *ssl = session->ssl;
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);

    *ret = (struct tls_facts){.protocol = SSL_get_version(ssl),
                              .cipher = SSL_CIPHER_get_name(cipher),
                              .is_resumed = SSL_session_reused(ssl)};
    ret->used_bits = SSL_CIPHER_get_bits(cipher, &ret->cipher_bits);
    ret->server_name = arena_copy(arena, session->server_name);
    ret->has_server_name = session->has_server_name;
    find_peer(session, arena, ret);
    find_exchange(session, arena, ret);
    ERR_clear_error();
}
