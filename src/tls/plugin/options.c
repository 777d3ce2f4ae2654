/* Bits of OpenSSL that main.cf may name. */
#include "tls/plugin/plugin.h"

#include <stdlib.h>

static const struct {
    const char *name;
    uint64_t bit;
} names[] = {
#define OPTION(name)                                                                     \
    {                                                                                    \
#name, SSL_OP_##name                                                             \
    }
    OPTION(ALLOW_CLIENT_RENEGOTIATION),
    OPTION(ALLOW_NO_DHE_KEX),
    OPTION(CIPHER_SERVER_PREFERENCE),
    OPTION(CLEANSE_PLAINTEXT),
    OPTION(COOKIE_EXCHANGE),
    OPTION(CRYPTOPRO_TLSEXT_BUG),
    OPTION(DONT_INSERT_EMPTY_FRAGMENTS),
    OPTION(ENABLE_MIDDLEBOX_COMPAT),
    OPTION(IGNORE_UNEXPECTED_EOF),
    OPTION(LEGACY_SERVER_CONNECT),
    OPTION(NO_ANTI_REPLAY),
    OPTION(NO_COMPRESSION),
    OPTION(NO_ENCRYPT_THEN_MAC),
    OPTION(NO_EXTENDED_MASTER_SECRET),
    OPTION(NO_RENEGOTIATION),
    OPTION(NO_SESSION_RESUMPTION_ON_RENEGOTIATION),
    OPTION(NO_TICKET),
    OPTION(PRIORITIZE_CHACHA),
    OPTION(SAFARI_ECDHE_ECDSA_BUG),
    OPTION(TLSEXT_PADDING),
    OPTION(TLS_ROLLBACK_BUG),
    /* compat: names of bits that OpenSSL has given up */
    {"MICROSOFT_SESS_ID_BUG", 0},
    {"MICROSOFT_BIG_SSLV3_BUFFER", 0},
    {"NETSCAPE_CHALLENGE_BUG", 0},
    {"NETSCAPE_REUSE_CIPHER_CHANGE_BUG", 0},
    {"SSLEAY_080_CLIENT_DH_BUG", 0},
    {"SSLREF2_REUSE_CERT_TYPE_BUG", 0},
    {"SINGLE_DH_USE", 0},
    {"SINGLE_ECDH_USE", 0},
    {"TLS_BLOCK_PADDING_BUG", 0},
    {"TLS_D5_BUG", 0},
    {"MSIE_SSLV2_RSA_PADDING", 0},
    {"ALL", SSL_OP_ALL},
};

static bool find(const char *word, uint64_t *ret)
{
    char *end;

    for (size_t i = 0; i < COUNT(names); i++)
        if (str_is_nocase(str_of(word), names[i].name)) {
            *ret = names[i].bit;
            return true;
        }
    if (strncmp(word, "0x", 2) != 0)
        return false;
    *ret = strtoull(word, &end, 16);
    return *end == '\0' && end > word + 2;
}

int options_parse(const char *param, const struct texts *words, uint64_t *ret,
                  struct fail *why)
{
    uint64_t bits = 0, bit;

    for (size_t i = 0; i < words->n; i++) {
        if (!find(words->items[i], &bit))
            return fail_set(why, "%s: \"%s\" is no option of OpenSSL", param,
                            words->items[i]);
        bits |= bit;
    }
    *ret = bits;
    return 0;
}
