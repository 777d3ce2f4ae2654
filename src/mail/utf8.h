/*
 * Text in UTF-8: validity, case folding, and internationalized domain names.
 * The only code that knows libunistring and libidn2.
 */
#ifndef MAIL_UTF8_H
#define MAIL_UTF8_H

#include "util/attributes.h"
#include "util/buf.h"
#include "util/fail.h"
#include "util/str.h"

#include <stdint.h>

bool utf8_is_ascii(struct str s);
/* Well-formed by RFC 3629: no overlong forms, no surrogates, at most U+10FFFF. */
bool utf8_is_valid(struct str s);

/* The first character of s: its bytes, and its code point in *ret. 0 = s is empty or
 * invalid there. */
size_t utf8_first(struct str s, uint32_t *ret);
/* Append one character; false (nothing added) when there is no such code point. */
bool utf8_add_char(struct buf *out, uint32_t code_point);

/*
 * Append s with its case folded (full Unicode folding, so that sharp s and SS agree);
 * ASCII only when s is not valid UTF-8 or unicode is false.
 */
void utf8_add_folded(struct buf *out, struct str s, bool unicode);

/*
 * Append the A-label form ("xn--...") of a domain in UTF-8, or the U-label form of one in
 * A-labels. ASCII labels pass unchanged, but lower-cased. -1 when IDNA refuses the name.
 */
int utf8_add_domain_ascii(struct buf *out, struct str domain,
                          struct fail *why) MUST_CHECK;
int utf8_add_domain_unicode(struct buf *out, struct str domain,
                            struct fail *why) MUST_CHECK;

#endif
