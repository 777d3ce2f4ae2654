/*
 * Views of text. Everything here is ASCII and independent of the locale; bytes
 * above 127 equal only themselves.
 */
#include "util/str.h"

#include <stdint.h>

static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower((unsigned char)a.p[i]) != lower((unsigned char)b.p[i]))
            return false;
    return true;
}

int str_compare(struct str a, struct str b)
{
    size_t shorter = a.n < b.n ? a.n : b.n;
    int order = shorter ? memcmp(a.p, b.p, shorter) : 0;

    if (order != 0)
        return order;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool str_starts_nocase(struct str s, const char *prefix)
{
    struct str p = str_of(prefix);

    return s.n >= p.n && str_eq_nocase(str_head(s, p.n), p);
}

bool str_ends_nocase(struct str s, const char *suffix)
{
    struct str p = str_of(suffix);

    return s.n >= p.n && str_eq_nocase(str_tail(s, s.n - p.n), p);
}

size_t str_find(struct str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;

    return at ? (size_t)(at - s.p) : s.n;
}

size_t str_find_last(struct str s, char c)
{
    const char *at = s.n ? memrchr(s.p, c, s.n) : NULL;

    return at ? (size_t)(at - s.p) : s.n;
}

/* A set of bytes as bits, so that each byte of a text costs one look. */
struct set {
    uint64_t bits[4];
};

static struct set set_of(const char *bytes)
{
    struct set set = {0};

    for (; *bytes; bytes++)
        set.bits[(unsigned char)*bytes / 64] |= UINT64_C(1) << (unsigned char)*bytes % 64;
    return set;
}

static bool in_set(char c, const struct set *set)
{
    return set->bits[(unsigned char)c / 64] >> (unsigned char)c % 64 & 1;
}

static size_t find(struct str s, const struct set *set)
{
    size_t i = 0;

    while (i < s.n && !in_set(s.p[i], set))
        i++;
    return i;
}

static size_t span(struct str s, const struct set *set)
{
    size_t i = 0;

    while (i < s.n && in_set(s.p[i], set))
        i++;
    return i;
}

size_t str_find_any(struct str s, const char *bytes)
{
    struct set set = set_of(bytes);

    return find(s, &set);
}

size_t str_span(struct str s, const char *bytes)
{
    struct set set = set_of(bytes);

    return span(s, &set);
}

static bool is_white(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim_left(struct str s)
{
    size_t n = 0;

    while (n < s.n && is_white(s.p[n]))
        n++;
    return str_tail(s, n);
}

struct str str_trim_right(struct str s)
{
    while (s.n > 0 && is_white(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct str str_trim(struct str s)
{
    return str_trim_left(str_trim_right(s));
}

struct str str_word(struct str *rest, const char *separators)
{
    struct set set = set_of(separators);
    struct str from = str_tail(*rest, span(*rest, &set));
    struct str word = str_head(from, find(from, &set));

    *rest = str_tail(from, word.n);
    return word;
}

struct str str_until(struct str *rest, char c)
{
    struct str head = str_head(*rest, str_find(*rest, c));

    *rest = str_tail(*rest, head.n + 1);
    return head;
}

bool str_number(struct str s, unsigned long long max, unsigned long long *ret)
{
    unsigned long long value = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';

        if (digit > 9 || digit > max || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

size_t str_utf8_length(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    unsigned char low = 0x80, high = 0xbf; /* of the second byte */
    size_t n;

    if (s.n == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (p[0] == 0xe0)
        low = 0xa0; /* shorter forms exist */
    else if (p[0] == 0xed)
        high = 0x9f; /* surrogates */
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f; /* above U+10FFFF */
    if (s.n < n || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if (p[i] < 0x80 || p[i] > 0xbf)
            return 0;
    return n;
}

size_t str_braced_length(struct str s)
{
    size_t depth = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '{')
            depth++;
        else if (s.p[i] == '}' && --depth == 0)
            return i + 1;
    }
    return 0;
}

bool str_unbrace(struct str s, struct str *ret)
{
    s = str_trim(s);
    if (s.n < 2 || s.p[0] != '{' || str_braced_length(s) != s.n)
        return false;
    *ret = str_trim(str_from(s.p + 1, s.n - 2));
    return true;
}

bool str_word_braced(struct str *rest, const char *separators, struct str *ret)
{
    struct set set = set_of(separators);
    struct str from = str_tail(*rest, span(*rest, &set));
    size_t depth = 0, n = 0;

    for (; n < from.n && (depth > 0 || !in_set(from.p[n], &set)); n++)
        if (from.p[n] == '{')
            depth++;
        else if (from.p[n] == '}' && depth > 0)
            depth--;
    *ret = str_head(from, n);
    *rest = str_tail(from, n);
    return depth == 0;
}
