/*
 * Views of text. Everything here is ASCII and independent of the locale; bytes
 * above 127 equal only themselves.
 */
#include "util/str.h"

static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static bool same(struct str a, struct str b, bool fold)
{
    if (a.n != b.n)
        return false;
    if (a.n == 0)
        return true;
    if (!fold)
        return memcmp(a.p, b.p, a.n) == 0;
    for (size_t i = 0; i < a.n; i++)
        if (lower((unsigned char)a.p[i]) != lower((unsigned char)b.p[i]))
            return false;
    return true;
}

bool str_eq(struct str a, struct str b)
{
    return same(a, b, false);
}
bool str_eq_nocase(struct str a, struct str b)
{
    return same(a, b, true);
}
bool str_is(struct str s, const char *text)
{
    return same(s, str_of(text), false);
}
bool str_is_nocase(struct str s, const char *text)
{
    return same(s, str_of(text), true);
}

int str_compare(struct str a, struct str b)
{
    size_t shorter = a.n < b.n ? a.n : b.n;
    int order = shorter ? memcmp(a.p, b.p, shorter) : 0;

    if (order != 0)
        return order;
    return a.n < b.n ? -1 : a.n > b.n;
}

static bool has_prefix(struct str s, struct str prefix, bool fold)
{
    return s.n >= prefix.n && same(str_head(s, prefix.n), prefix, fold);
}

static bool has_suffix(struct str s, struct str suffix, bool fold)
{
    return s.n >= suffix.n && same(str_tail(s, s.n - suffix.n), suffix, fold);
}

bool str_starts(struct str s, const char *prefix)
{
    return has_prefix(s, str_of(prefix), false);
}

bool str_starts_nocase(struct str s, const char *prefix)
{
    return has_prefix(s, str_of(prefix), true);
}

bool str_ends(struct str s, const char *suffix)
{
    return has_suffix(s, str_of(suffix), false);
}

bool str_ends_nocase(struct str s, const char *suffix)
{
    return has_suffix(s, str_of(suffix), true);
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

/* NUL is never a member of a set: it ends the set. */
static bool in_set(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

size_t str_find_any(struct str s, const char *set)
{
    size_t i = 0;

    while (i < s.n && !in_set(s.p[i], set))
        i++;
    return i;
}

size_t str_span(struct str s, const char *set)
{
    size_t i = 0;

    while (i < s.n && in_set(s.p[i], set))
        i++;
    return i;
}

struct str str_head(struct str s, size_t n)
{
    return str_from(s.p, n < s.n ? n : s.n);
}

struct str str_tail(struct str s, size_t n)
{
    if (n >= s.n)
        return str_from(s.n ? s.p + s.n : s.p, 0);
    return str_from(s.p + n, s.n - n);
}

static const char white_space[] = " \t\r\n\v\f";

struct str str_trim_left(struct str s)
{
    return str_tail(s, str_span(s, white_space));
}

struct str str_trim_right(struct str s)
{
    while (s.n > 0 && in_set(s.p[s.n - 1], white_space))
        s.n--;
    return s;
}

struct str str_trim(struct str s)
{
    return str_trim_left(str_trim_right(s));
}

struct str str_word(struct str *rest, const char *separators)
{
    struct str from = str_tail(*rest, str_span(*rest, separators));
    struct str word = str_head(from, str_find_any(from, separators));

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
    struct str from = str_tail(*rest, str_span(*rest, separators));
    size_t depth = 0, n = 0;

    for (;
         n < from.n && (depth > 0 || !memchr(separators, from.p[n], strlen(separators)));
         n++)
        if (from.p[n] == '{')
            depth++;
        else if (from.p[n] == '}' && depth > 0)
            depth--;
    *ret = str_head(from, n);
    *rest = str_tail(from, n);
    return depth == 0;
}
