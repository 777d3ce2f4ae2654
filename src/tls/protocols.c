/* Reads lists of protocol versions. What excludes all versions is a mistake, and so is a
 * word that is not known: with either, nobody can tell what was meant. */
#include "tls/protocols.h"

static const struct {
    const char *name;
    int version;
} versions[] = {
    {"SSLv3", TLS_SSL_3}, {"TLSv1", TLS_1_0},   {"TLSv1.0", TLS_1_0},
    {"TLSv1.1", TLS_1_1}, {"TLSv1.2", TLS_1_2}, {"TLSv1.3", TLS_1_3},
};
enum {
    ALL = 0x1f,
    OLD = 0x0002 /* SSLv2, which is gone: may be excluded, else ignored */
};

/* A version by name or number; -1 = neither. */
static int version_of(struct str word)
{
    unsigned value = 0;

    if (str_is_nocase(word, "SSLv2"))
        return OLD;
    for (size_t i = 0; i < COUNT(versions); i++)
        if (str_is_nocase(word, versions[i].name))
            return versions[i].version;
    if (str_starts_nocase(word, "0x"))
        word = str_tail(word, 2);
    if (word.n == 0 || word.n > 4)
        return -1;
    for (size_t i = 0; i < word.n; i++) {
        const char *digits = "0123456789abcdefABCDEF", *at = strchr(digits, word.p[i]);

        if (!at || *at == '\0')
            return -1;
        value = value * 16 + (unsigned)(at - digits < 16 ? at - digits : at - digits - 6);
    }
    return (int)value;
}

static unsigned bit_of(int version)
{
    return version < TLS_SSL_3 || version > TLS_1_3 ? 0 : 1U << (version - TLS_SSL_3);
}

/* One word of the list; included collects those that are named without a sign. */
static int take(struct str word, struct tls_protocols *p, unsigned *included)
{
    size_t sign = str_starts(word, ">=") || str_starts(word, "<=") ? 2
                  : str_starts(word, "!")                          ? 1
                                                                   : 0;
    int version = version_of(str_tail(word, sign));

    if (version < 0 || (sign != 2 && version != OLD && bit_of(version) == 0))
        return -1;
    if (sign == 1)
        p->excluded |= bit_of(version);
    else if (sign == 0)
        *included |= version == OLD ? 1U << 31 : bit_of(version);
    else if (word.p[0] == '>')
        p->least = version;
    else
        p->most = version;
    return 0;
}

static bool allows(const struct tls_protocols *p, int version)
{
    return (p->excluded & bit_of(version)) == 0 && version >= p->least &&
           (p->most == 0 || version <= p->most);
}

static bool allows_any(const struct tls_protocols *p)
{
    for (int version = TLS_SSL_3; version <= TLS_1_3; version++)
        if (allows(p, version))
            return true;
    return false;
}

int tls_protocols_parse(struct str list, struct tls_protocols *ret, struct fail *why)
{
    struct tls_protocols p = {0};
    unsigned included = 0;

    for (struct str word, rest = list; (word = str_word(&rest, " \t\r\n,:")).n > 0;)
        if (take(word, &p, &included) < 0)
            return fail_set(why, "\"%.*s\" is no version of TLS", STR_ARG(word));
    if (included)
        p.excluded |= ALL & ~included;
    if (!allows_any(&p))
        return fail_set(why, "\"%.*s\" leaves no version of TLS", STR_ARG(list));
    *ret = p;
    return 0;
}
