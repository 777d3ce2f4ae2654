/* The text encodings of the DSN extension: xtext (RFC 3461 section 4), and
 * utf-8-addr-xtext (RFC 6533 section 3). */
#ifndef MAIL_XTEXT_H
#define MAIL_XTEXT_H

#include "util/attributes.h"
#include "util/buf.h"
#include "util/str.h"

/* Append s with '+', '=' and all but printable ASCII as "+XX". */
void xtext_add(struct buf *out, struct str s);
/* Append the decoded text. -1 (out unchanged) for a bare '+' or '=', bad digits, or bytes
 * that xtext may not hold. */
int xtext_decode(struct buf *out, struct str s) MUST_CHECK;

/* The same for "\x{20AC}" sequences; the decoded text is UTF-8. */
void xtext_add_utf8_address(struct buf *out, struct str s);
int xtext_decode_utf8_address(struct buf *out, struct str s) MUST_CHECK;

#endif
