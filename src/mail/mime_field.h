/*
 * The values of the two header fields that give a message its structure:
 * Content-Type (RFC 2045 section 5.1) and Content-Transfer-Encoding (6.1).
 * What is not understood is skipped: mail is not refused for it.
 */
#ifndef MAIL_MIME_FIELD_H
#define MAIL_MIME_FIELD_H

#include "util/buf.h"
#include "util/str.h"

enum mime_type {
    MIME_TYPE_OTHER, /* one part, whatever it holds */
    MIME_TYPE_MULTIPART,
    MIME_TYPE_DIGEST, /* a multipart whose parts are messages unless they say otherwise */
    MIME_TYPE_MESSAGE,       /* message/rfc822, message/global: has a header of its own */
    MIME_TYPE_MESSAGE_7BIT,  /* message/partial, message/external-body: 7bit only */
    MIME_TYPE_MESSAGE_OTHER, /* message/delivery-status ... */
};

/* *ret_boundary becomes the boundary of a multipart, at most limit bytes of it, without
 * its quotes; empty when there is none. */
enum mime_type mime_type_parse(struct str value, size_t limit, struct buf *ret_boundary);

enum mime_encoding {
    MIME_ENCODING_NONE, /* unknown, or not said: counts as 7bit */
    MIME_ENCODING_7BIT,
    MIME_ENCODING_8BIT,
    MIME_ENCODING_BINARY,
    MIME_ENCODING_QUOTED, /* quoted-printable */
    MIME_ENCODING_BASE64,
};
enum mime_encoding mime_encoding_parse(struct str value);
const char *mime_encoding_name(enum mime_encoding encoding); /* "8bit"; "" = none */

#endif
