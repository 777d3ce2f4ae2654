/*
 * Names are compared byte by byte but for letter case; the caller has them in the form
 * that the DNS has (xn--). What is empty or ends in a dot matches nothing.
 */
#include "tls/names.h"

static bool is_host(struct str name)
{
    return name.n > 0 && name.p[0] != '.' && name.p[name.n - 1] != '.';
}

/* "*.example.com": not "*.com", which nobody owns, nor "f*.example.com". */
static bool wildcard_matches(struct str name, struct str host, bool wide)
{
    struct str parent = str_tail(name, 1), label = str_head(host, host.n - parent.n);

    if (str_find(str_tail(parent, 1), '.') == parent.n - 1 || host.n <= parent.n)
        return false;
    return str_eq_nocase(str_tail(host, host.n - parent.n), parent) &&
           (wide || str_find(label, '.') == label.n);
}

bool tls_name_matches(struct str name, struct str host, bool wide)
{
    if (!is_host(host) || !is_host(name))
        return false;
    if (str_starts(name, "*."))
        return wildcard_matches(name, host, wide);
    return str_eq_nocase(name, host);
}

/* pattern ".example.com": "a.b.example.com" and "*.example.com" are below it. */
static bool is_below(struct str name, struct str pattern)
{
    return is_host(name) && pattern.n > 1 && name.n > pattern.n &&
           str_eq_nocase(str_tail(name, name.n - pattern.n), pattern);
}

static bool matches(const char *name, struct str pattern, bool wide)
{
    return str_starts(pattern, ".") ? is_below(str_of(name), pattern)
                                    : tls_name_matches(str_of(name), pattern, wide);
}

const char *tls_certificate_matches(const struct tls_facts *facts, struct str pattern,
                                    bool wide)
{
    for (size_t i = 0; i < facts->names.n; i++)
        if (matches(facts->names.items[i], pattern, wide))
            return facts->names.items[i];
    if (facts->names.n == 0 && matches(facts->subject_cn, pattern, wide))
        return facts->subject_cn;
    return NULL;
}

bool tls_fingerprint_matches(const struct tls_facts *facts, struct str fingerprint)
{
    return fingerprint.n > 0 && facts->has_certificate &&
           (str_is_nocase(fingerprint, facts->fingerprint) ||
            str_is_nocase(fingerprint, facts->key_fingerprint));
}
