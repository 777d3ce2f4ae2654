/* Quoted-printable (RFC 2045 section 6.7), one line of text at a time. */
#ifndef MAIL_QUOTED_PRINTABLE_H
#define MAIL_QUOTED_PRINTABLE_H

#include "util/buf.h"
#include "util/str.h"

/*
 * Append text to *line, the encoded line so far; line is at most 76 bytes
 * long, and each time it is full, emit() gets it (with the "=" that continues
 * it) and it starts again. ends: text is the end of a line, so that a blank there
 * is encoded; the caller emits the rest.
 */
void quoted_printable_add(struct buf *line, struct str text, bool ends,
                          void (*emit)(void *context, struct str line), void *context);

#endif
