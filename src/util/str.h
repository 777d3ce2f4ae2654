/*
 * Views of text: pointer and length, never owned, not NUL-terminated.
 *
 * A view lives as long as the bytes that it points into. The empty view may
 * have a NULL pointer. All comparisons without case are ASCII only; UTF-8
 * folding is mail/utf8.h.
 */
#ifndef UTIL_STR_H
#define UTIL_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_ARG(s)   (int)(s).n, (s).n ? (s).p : "" /* for "%.*s" */
#define STR_NONE     ((struct str){NULL, 0})

static inline struct str str_of(const char *text)
{
    return (struct str){text, text ? strlen(text) : 0};
}
static inline struct str str_from(const char *p, size_t n)
{
    return (struct str){p, n};
}

/* The first n bytes; what follows the first n bytes. n may exceed s.n. */
static inline struct str str_head(struct str s, size_t n)
{
    return str_from(s.p, n < s.n ? n : s.n);
}
static inline struct str str_tail(struct str s, size_t n)
{
    if (n > s.n)
        n = s.n;
    return str_from(n ? s.p + n : s.p, s.n - n);
}

/* Inline, so that comparing with a literal of one byte is just that. */
static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool str_is(struct str s, const char *text)
{
    return str_eq(s, str_of(text));
}
static inline bool str_starts(struct str s, const char *prefix)
{
    struct str p = str_of(prefix);

    return s.n >= p.n && str_eq(str_head(s, p.n), p);
}
static inline bool str_ends(struct str s, const char *suffix)
{
    struct str p = str_of(suffix);

    return s.n >= p.n && str_eq(str_tail(s, s.n - p.n), p);
}

bool str_eq_nocase(struct str a, struct str b);
/* Most comparisons end with the first letter, here without a call. */
static inline bool str_is_nocase(struct str s, const char *text)
{
    if (s.n == 0)
        return *text == '\0';
    return ((s.p[0] ^ *text) & 0xdf) == 0 && str_eq_nocase(s, str_of(text));
}
int str_compare(struct str a, struct str b); /* as memcmp, then by length */
bool str_starts_nocase(struct str s, const char *prefix);
bool str_ends_nocase(struct str s, const char *suffix);

/* Position of the first or last byte c, or s.n when there is none. */
size_t str_find(struct str s, char c);
size_t str_find_last(struct str s, char c);
/* Position of the first byte that is (or is not) one of bytes, or s.n. */
size_t str_find_any(struct str s, const char *bytes);
size_t str_span(struct str s, const char *bytes);

/* Without leading and trailing space, TAB, CR, LF, VT, FF. */
struct str str_trim(struct str s);
struct str str_trim_left(struct str s);
struct str str_trim_right(struct str s);

/*
 * Take the next word from *rest: skip bytes of separators, return the run
 * that follows, advance *rest past it. Empty when no word is left.
 */
struct str str_word(struct str *rest, const char *separators);

/* Take the text up to byte c from *rest, and step over c. *rest becomes empty when there
 * is none. */
struct str str_until(struct str *rest, char c);

/*
 * Parse all of s as a decimal number, no sign, no white space. Returns false
 * and leaves *ret alone when s is empty, holds another byte, or exceeds max.
 */
bool str_number(struct str s, unsigned long long max, unsigned long long *ret);

/* Length (1-4) of the UTF-8 character that s starts with, or 0 when it is not valid (RFC
 * 3629). */
size_t str_utf8_length(struct str s);

/* Length of the "{...}" that s starts with, or 0 when the braces don't balance. */
size_t str_braced_length(struct str s);

/* "{ text }" -> "text" with the blanks inside trimmed; false when s has no balanced outer
 * braces. */
bool str_unbrace(struct str s, struct str *ret);

/*
 * As str_word, but separators between "{" and the matching "}" do not end the
 * word: "x={ a b }" is one. With a "{" that is not closed the word is all that
 * is left, and false is returned.
 */
bool str_word_braced(struct str *rest, const char *separators, struct str *ret);

#endif
