/*
 * Decides whether bytes are UTF-8, how case is folded for comparison, and how
 * domain names travel between their Unicode and ASCII forms. Wraps
 * libunistring and libidn2; nothing else in the tree includes their headers.
 */
#include "mail/utf8.h"

#include "util/log.h"

#include <idn2.h>
#include <stdlib.h>
#include <unicase.h>
#include <unistr.h>

#define DOMAIN_LONGEST 1000 /* bytes of UTF-8: more cannot become a 255 byte name */

bool utf8_is_ascii(struct str s)
{
    uint64_t eight, high = 0;
    size_t i = 0;

    for (; i + sizeof(eight) <= s.n; i += sizeof(eight)) {
        memcpy(&eight, s.p + i, sizeof(eight));
        high |= eight;
    }
    for (; i < s.n; i++)
        high |= (unsigned char)s.p[i];
    return (high & UINT64_C(0x8080808080808080)) == 0;
}

bool utf8_is_valid(struct str s)
{
    return utf8_is_ascii(s) || u8_check((const uint8_t *)s.p, s.n) == NULL;
}

size_t utf8_first(struct str s, uint32_t *ret)
{
    ucs4_t code_point;
    int n = s.n ? u8_mbtoucr(&code_point, (const uint8_t *)s.p, s.n) : 0;

    if (n <= 0)
        return 0;
    *ret = code_point;
    return (size_t)n;
}

bool utf8_add_char(struct buf *out, uint32_t code_point)
{
    uint8_t bytes[6];
    int n = u8_uctomb(bytes, code_point, sizeof(bytes));

    if (n <= 0)
        return false;
    buf_add(out, bytes, (size_t)n);
    return true;
}

static void add_lower(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        buf_add_char(out, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
    }
}

void utf8_add_folded(struct buf *out, struct str s, bool unicode)
{
    size_t n = 0;
    uint8_t *folded;

    if (!unicode || utf8_is_ascii(s) || !utf8_is_valid(s)) {
        add_lower(out, s);
        return;
    }
    folded = u8_casefold((const uint8_t *)s.p, s.n, NULL, NULL, NULL, &n);
    if (folded == NULL)
        fatal("out of memory");
    buf_add(out, folded, n);
    free(folded);
}

/* Copy domain into text, which has DOMAIN_LONGEST + 1 bytes. */
static int to_text(struct str domain, char *text, struct fail *why)
{
    if (domain.n > DOMAIN_LONGEST || (domain.n && memchr(domain.p, '\0', domain.n)))
        return fail_set(why, "domain name is too long or holds a NUL byte");
    if (!utf8_is_valid(domain))
        return fail_set(why, "domain name is not valid UTF-8");
    if (domain.n)
        memcpy(text, domain.p, domain.n);
    text[domain.n] = '\0';
    return 0;
}

int utf8_add_domain_ascii(struct buf *out, struct str domain, struct fail *why)
{
    char text[DOMAIN_LONGEST + 1];
    char *ascii = NULL;
    int result;

    if (utf8_is_ascii(domain)) {
        add_lower(out, domain);
        return 0;
    }
    if (to_text(domain, text, why) < 0)
        return -1;
    /* Non-transitional: sharp s stays itself, as IDNA2008 has it. */
    result = idn2_to_ascii_8z(text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (result != IDN2_OK)
        return fail_set(why, "no valid domain name: %s", idn2_strerror(result));
    buf_add_text(out, ascii);
    idn2_free(ascii);
    return 0;
}

int utf8_add_domain_unicode(struct buf *out, struct str domain, struct fail *why)
{
    char text[DOMAIN_LONGEST + 1];
    char *unicode = NULL;
    int result;

    if (to_text(domain, text, why) < 0)
        return -1;
    result = idn2_to_unicode_8z8z(text, &unicode, 0);
    if (result != IDN2_OK)
        return fail_set(why, "no valid domain name: %s", idn2_strerror(result));
    add_lower(out, str_of(unicode));
    idn2_free(unicode);
    return 0;
}
