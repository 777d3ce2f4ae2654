/* Encoded words (RFC 2047): text beyond ASCII in a header, with the Q encoding. */
#ifndef MAIL_ENCODED_WORD_H
#define MAIL_ENCODED_WORD_H

#include "util/buf.h"
#include "util/str.h"

/*
 * Append text as "=?charset?Q?...?=", as many words as it takes, a line each
 * ("\n " between them); readers put them together without a blank. Fit for
 * a display name (section 5, rule 3). Characters of UTF-8 are not torn apart.
 */
void encoded_word_add(struct buf *out, const char *charset, struct str text);

#endif
