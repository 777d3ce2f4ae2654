/* Base 64, RFC 4648 section 4: with padding, without line ends. */
#ifndef UTIL_BASE64_H
#define UTIL_BASE64_H

#include "util/buf.h"

#include <stdbool.h>

/* Append the encoded form of bytes. */
void base64_encode(struct buf *out, struct str bytes);

/*
 * Append what text stands for. False, with nothing appended, when it is not in
 * the form above as a whole: other characters, white space, missing padding,
 * bits that should be 0.
 */
bool base64_decode(struct buf *out, struct str text) MUST_CHECK;

#endif
