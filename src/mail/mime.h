/*
 * The structure of a message that streams through: which lines are headers,
 * and of what; where parts of a multipart begin and end; where messages are
 * inside messages (RFC 2045, 2046). On request it turns 8-bit parts into
 * quoted-printable ones, for receivers that take only 7 bits.
 *
 * Text goes in line by line, long lines in chunks, and comes out the same
 * way through callbacks, in order. Memory is bounded by the limits below;
 * nothing recurses. Content is never lost: what is beyond a limit is passed on as body.
 */
#ifndef MAIL_MIME_H
#define MAIL_MIME_H

#include "mail/header.h"
#include "util/str.h"

/* Whose header? */
enum mime_place {
    MIME_PRIMARY, /* of the message */
    MIME_PART,    /* of a part of a multipart */
    MIME_NESTED,  /* of a message inside */
};

/* What can be wrong, as bits. */
enum mime_error {
    MIME_TOO_DEEP = 1,     /* more multiparts in each other than nesting_limit allows */
    MIME_HEADER_CUT = 2,   /* a header was longer than header_limit; the rest is gone */
    MIME_8BIT_HEADER = 4,  /* bytes over 127 in a header */
    MIME_8BIT_BODY = 8,    /* ... in a body that says it is 7bit */
    MIME_BAD_ENCODING = 16 /* a multipart or message with an encoding of its own */
};
/* "improper use of 8-bit data in message header" ... */
const char *mime_error_text(enum mime_error error);

struct mime_options {
    bool whole;            /* don't look for parts: all after the first header is body */
    bool to_7bit;          /* parts in 8bit and binary become quoted-printable */
    unsigned report;       /* MIME_ errors that are looked for */
    size_t header_limit;   /* $header_size_limit: a logical header, bytes */
    size_t boundary_limit; /* $mime_boundary_length_limit */
    size_t nesting_limit;  /* $mime_nesting_limit */
};

struct mime_callbacks {
    /* A whole header (mail/header.h: logical form), as it stands but for blanks before
     * its colon. */
    void (*header)(void *context, enum mime_place place, struct str logical);
    /*
     * The header at place is over, and what follows it comes next. missing_line: that is
     * text, and not the empty line that should be there; line is its start.
     */
    void (*header_end)(void *context, enum mime_place place, bool missing_line,
                       struct str line);
    /* Body text: boundaries, preambles, and the empty lines behind headers are body too.
     * ends: the line ends here, else more of it follows. */
    void (*body)(void *context, bool ends, struct str text);
    /* Something in options.report was met; may be NULL when that is 0. */
    void (*error)(void *context, enum mime_error error, struct str text);
};

struct mime;

/* options and callbacks are copied; all memory is freed by mime_free. */
struct mime *mime_new(const struct mime_options *options,
                      const struct mime_callbacks *callbacks, void *context);
void mime_free(struct mime *mime); /* NULL is fine */

/* One line, or a piece of one: ends = its line end is here. */
void mime_take(struct mime *mime, bool ends, struct str text);
/* No more text: what is still held comes out. Each message ends in a primary header_end,
 * at least. */
void mime_end(struct mime *mime);

/* Some header so far said that its part is 8bit or binary. */
bool mime_is_8bit(const struct mime *mime);

#endif
