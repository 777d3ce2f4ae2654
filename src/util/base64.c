/* Base 64. Decoding is strict, so that each text stands for other bytes: what
 * is compared or signed by one reader cannot mean something else to the next. */
#include "util/base64.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, struct str bytes)
{
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t n = bytes.n - i < 3 ? bytes.n - i : 3;
        unsigned long group = 0;

        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (k < n ? (unsigned char)bytes.p[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            if (k <= n)
                buf_add_char(out, alphabet[group >> (18 - 6 * k) & 63]);
            else
                buf_add_char(out, '=');
    }
}

static int value_of(char c)
{
    const char *at = c ? strchr(alphabet, c) : NULL;

    return at ? (int)(at - alphabet) : -1;
}

/* The n (2 to 4) characters that hold bits, of a group; false when they cannot. */
static bool decode_group(struct buf *out, const char *p, size_t n)
{
    unsigned long group = 0;

    for (size_t k = 0; k < 4; k++) {
        int value = k < n ? value_of(p[k]) : 0;

        if (value < 0)
            return false;
        group = group << 6 | (unsigned long)value;
    }
    if (group & ((1UL << (8 * (4 - n))) - 1))
        return false;
    for (size_t k = 0; k + 1 < n; k++)
        buf_add_char(out, (char)(group >> (16 - 8 * k) & 0xff));
    return true;
}

bool base64_decode(struct buf *out, struct str text)
{
    size_t start = out->n, padding = 0;

    if (text.n % 4 != 0)
        return false;
    while (padding < 2 && padding < text.n && text.p[text.n - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < text.n; i += 4) {
        if (decode_group(out, text.p + i, i + 4 < text.n ? 4 : 4 - padding))
            continue;
        buf_cut(out, start);
        return false;
    }
    return true;
}
