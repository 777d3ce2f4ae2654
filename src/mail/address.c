/*
 * Decides what parts an address has, when a local part needs quotes, and
 * what a well-formed domain is. Bytes over 127 are letters here; whether they
 * are welcome is the caller's question.
 */
#include "mail/address.h"

#include "mail/utf8.h"

#include <arpa/inet.h>

struct address address_split(struct str internal)
{
    size_t at = str_find_last(internal, '@');

    if (at == internal.n)
        return (struct address){.local = internal,
                                .domain = {internal.p + internal.n, 0}};
    return (struct address){
        .local = str_head(internal, at),
        .domain = str_tail(internal, at + 1),
        .has_domain = true,
    };
}

/* RFC 5322 atext, and letters beyond ASCII. */
static bool is_atext(unsigned char c)
{
    return c >= 128 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z') || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool is_dot_string(struct str local)
{
    bool after_dot = true;

    for (size_t i = 0; i < local.n; i++) {
        if (local.p[i] == '.' ? after_dot : !is_atext((unsigned char)local.p[i]))
            return false;
        after_dot = local.p[i] == '.';
    }
    return local.n > 0 && !after_dot;
}

void address_add_local(struct buf *out, struct str local)
{
    if (is_dot_string(local)) {
        buf_add_str(out, local);
        return;
    }
    buf_add_char(out, '"');
    for (size_t i = 0; i < local.n; i++) {
        if (strchr("\"\\\r\n", local.p[i]) && local.p[i] != '\0')
            buf_add_char(out, '\\');
        buf_add_char(out, local.p[i]);
    }
    buf_add_char(out, '"');
}

void address_add_external(struct buf *out, struct str internal)
{
    struct address parts = address_split(internal);

    if (internal.n == 0)
        return;
    address_add_local(out, parts.local);
    if (parts.has_domain) {
        buf_add_char(out, '@');
        buf_add_str(out, parts.domain);
    }
}

void address_add_internal(struct buf *out, struct str external)
{
    bool quoted = false;

    for (size_t i = 0; i < external.n; i++) {
        char c = external.p[i];
        if (c == '\\' && i + 1 < external.n)
            buf_add_char(out, external.p[++i]);
        else if (c == '"')
            quoted = !quoted;
        else if (c == '@' && !quoted &&
                 str_find_any(str_tail(external, i + 1), "@\"") == external.n - i - 1) {
            buf_add_str(out, str_tail(external, i)); /* the domain, verbatim */
            return;
        } else {
            buf_add_char(out, c);
        }
    }
}

/* Run add on s and return the result as text in arena. */
static char *converted(struct arena *arena, struct str s,
                       void (*add)(struct buf *out, struct str s))
{
    struct buf out;
    char *text;

    buf_init(&out, s.n * 2 + 16);
    add(&out, s);
    text = arena_copy_str(arena, buf_str(&out));
    buf_done(&out);
    return text;
}

char *address_external(struct arena *arena, struct str internal)
{
    return converted(arena, internal, address_add_external);
}

char *address_internal(struct arena *arena, struct str external)
{
    return converted(arena, external, address_add_internal);
}

bool address_same(struct str a, struct str b)
{
    return str_eq_nocase(a, b);
}

int address_check(struct str internal, struct fail *why)
{
    if (internal.n > ADDRESS_MAX)
        return fail_set(why, "address of %zu bytes is too long", internal.n);
    for (size_t i = 0; i < internal.n; i++) {
        unsigned char c = (unsigned char)internal.p[i];
        if (c < ' ' || c == 127)
            return fail_set(why, "address holds control character %d", c);
    }
    return 0;
}

static int label_check(struct str label, struct fail *why)
{
    if (label.n == 0)
        return fail_set(why, "a dot too many");
    if (label.n > 63)
        return fail_set(why, "a part of more than 63 bytes");
    for (size_t i = 0; i < label.n; i++) {
        unsigned char c = (unsigned char)label.p[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && !(c >= '0' && c <= '9') && c != '-')
            return fail_set(why, "invalid character %d (decimal)", c);
    }
    if (label.p[0] == '-' || label.p[label.n - 1] == '-')
        return fail_set(why, "misplaced hyphen");
    return 0;
}

int address_domain_check(struct str domain, struct fail *why)
{
    if (domain.n == 0 || domain.n > 255)
        return fail_set(why, "bad length %zu", domain.n);
    if (str_span(domain, "0123456789.") == domain.n)
        return fail_set(why, "a number is no name");
    for (;;) {
        size_t dot = str_find(domain, '.');
        if (label_check(str_head(domain, dot), why) < 0)
            return -1;
        if (dot == domain.n)
            return 0;
        domain = str_tail(domain, dot + 1); /* empty after a trailing dot: no label */
    }
}

bool address_domain_is_valid(struct str domain)
{
    struct buf ascii;
    bool valid;

    if (utf8_is_ascii(domain))
        return address_domain_check(domain, NULL) == 0;
    if (domain.n > 1000)
        return false;
    buf_init(&ascii, 4096);
    valid = utf8_add_domain_ascii(&ascii, domain, NULL) == 0 &&
            address_domain_check(buf_str(&ascii), NULL) == 0;
    buf_done(&ascii);
    return valid;
}

bool address_literal_is_valid(struct str literal)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[16];
    int family = AF_INET;

    if (literal.n < 2 || literal.p[0] != '[' || literal.p[literal.n - 1] != ']')
        return false;
    struct str inside = str_head(str_tail(literal, 1), literal.n - 2);
    if (str_starts_nocase(inside, "IPv6:")) {
        inside = str_tail(inside, 5);
        family = AF_INET6;
    }
    if (inside.n >= sizeof(text) || memchr(inside.p, '\0', inside.n))
        return false;
    memcpy(text, inside.p, inside.n);
    text[inside.n] = '\0';
    return inet_pton(family, text, address) == 1;
}
