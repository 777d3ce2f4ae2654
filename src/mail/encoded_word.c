/*
 * Writes encoded words. A word has at most 75 bytes, so long text becomes
 * several; which bytes may stand for themselves is what a phrase allows.
 */
#include "mail/encoded_word.h"

#include "mail/utf8.h"

#include <stdint.h>
#include <stdio.h>

enum { WORD_MAX = 75, CHARACTER_MAX = 4 * 3 /* four bytes, "=XX" each */ };

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!*+-/", c) != NULL);
}

/* The bytes of one character in the Q encoding. Returns how many were written. */
static size_t encode(struct str bytes, char ret[CHARACTER_MAX + 1])
{
    size_t n = 0;

    for (size_t i = 0; i < bytes.n; i++)
        if (is_plain(bytes.p[i]))
            ret[n++] = bytes.p[i];
        else if (bytes.p[i] == ' ')
            ret[n++] = '_';
        else
            n += (size_t)sprintf(ret + n, "=%02X", (unsigned char)bytes.p[i]);
    return n;
}

void encoded_word_add(struct buf *out, const char *charset, struct str text)
{
    size_t start = out->n;

    buf_printf(out, "=?%s?Q?", charset);
    while (text.n) {
        uint32_t code;
        size_t bytes = utf8_first(text, &code);
        char encoded[CHARACTER_MAX + 1];
        size_t n = encode(str_head(text, bytes ? bytes : 1), encoded);

        if (out->n - start + n + 2 > WORD_MAX) {
            buf_add_text(out, "?=\n ");
            start = out->n;
            buf_printf(out, "=?%s?Q?", charset);
        }
        buf_add(out, encoded, n);
        text = str_tail(text, bytes ? bytes : 1);
    }
    buf_add_text(out, "?=");
}
