/*
 * Decides what bytes DSN parameters carry encoded, and refuses what no
 * encoder could have made.
 */
#include "mail/xtext.h"

#include "mail/utf8.h"

static bool is_plain(unsigned char c)
{
    return c > ' ' && c < 127 && c != '+' && c != '=';
}

void xtext_add(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_plain(c))
            buf_add_char(out, s.p[i]);
        else
            buf_printf(out, "+%02X", c);
    }
}

/* Upper case only, as RFC 3461 has it; lower case is accepted for its senders. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

int xtext_decode(struct buf *out, struct str s)
{
    size_t start = out->n;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '+' && i + 2 < s.n && hex_value(s.p[i + 1]) >= 0 &&
            hex_value(s.p[i + 2]) >= 0) {
            buf_add_char(out, (char)(hex_value(s.p[i + 1]) * 16 + hex_value(s.p[i + 2])));
            i += 2;
        } else if (is_plain((unsigned char)s.p[i])) {
            buf_add_char(out, s.p[i]);
        } else {
            buf_cut(out, start);
            return -1;
        }
    }
    return 0;
}

void xtext_add_utf8_address(struct buf *out, struct str s)
{
    while (s.n > 0) {
        uint32_t code_point = (unsigned char)s.p[0];
        size_t n = utf8_first(s, &code_point);
        if (n == 1 && is_plain((unsigned char)s.p[0]) && s.p[0] != '\\')
            buf_add_char(out, s.p[0]);
        else
            buf_printf(out, "\\x{%02X}", code_point);
        s = str_tail(s, n ? n : 1);
    }
}

/* "\x{20AC}" at the start of s: its bytes, or 0. */
static size_t embedded_char(struct str s, uint32_t *ret)
{
    uint32_t value = 0;
    size_t i = 3;

    if (!str_starts(s, "\\x{"))
        return 0;
    for (; i < s.n && hex_value(s.p[i]) >= 0 && i < 9; i++)
        value = value * 16 + (uint32_t)hex_value(s.p[i]);
    if (i == 3 || i >= s.n || s.p[i] != '}' || value == 0)
        return 0;
    *ret = value;
    return i + 1;
}

int xtext_decode_utf8_address(struct buf *out, struct str s)
{
    size_t start = out->n;

    while (s.n > 0) {
        uint32_t code_point = 0;
        size_t n = embedded_char(s, &code_point);
        if (n == 0 && s.p[0] != '\\')
            n = utf8_first(s, &code_point);
        bool plain =
            s.p[0] == '\\' || code_point > 127 || is_plain((unsigned char)s.p[0]);
        if (n == 0 || !plain || !utf8_add_char(out, code_point)) {
            buf_cut(out, start);
            return -1;
        }
        s = str_tail(s, n);
    }
    return 0;
}
