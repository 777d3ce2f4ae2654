/*
 * Follows the structure of a message with a state (in a header, and whose; or
 * in a body) and a stack of the boundaries of the multiparts around it.
 *
 * A line that is exactly a boundary ends the part whose boundary it is; compat:
 * else one that only begins like it does.
 */
#include "mail/mime.h"

#include "mail/mime_field.h"
#include "mail/quoted_printable.h"
#include "util/log.h"

#include <stdlib.h>

enum {
    NESTING_SLACK = 2,   /* compat: so many more than the limit are let through */
    HEADER_LIMIT = 1000, /* header_limit is at least this */
    QUOTED_LINE_MAX = 80,
};

/* A multipart that is open. */
struct level {
    struct buf boundary;
    bool digest;
};

struct mime {
    struct mime_options options;
    struct mime_callbacks callbacks;
    void *context;

    bool in_header;
    enum mime_place place; /* of the header */
    bool in_line;          /* the last text did not end its line */
    bool ended;
    struct buf header; /* the logical header that is being collected */
    bool cut;          /* it was too long */

    /* what the header so far says of what follows it */
    enum mime_type type;
    struct buf boundary; /* empty = no multipart */
    enum mime_encoding encoding;

    bool is_8bit;
    bool quotes; /* this body is turned into quoted-printable */
    struct buf quoted;
    struct level *levels; /* the innermost last */
    size_t n, size;
};

/* --- errors
 * ------------------------------------------------------------------------------ */

const char *mime_error_text(enum mime_error error)
{
    switch (error) {
    case MIME_TOO_DEEP:
        return "MIME nesting exceeds safety limit";
    case MIME_HEADER_CUT:
        return "message header length exceeds safety limit";
    case MIME_8BIT_HEADER:
        return "improper use of 8-bit data in message header";
    case MIME_8BIT_BODY:
        return "improper use of 8-bit data in message body";
    case MIME_BAD_ENCODING:
        return "invalid message/* or multipart/* encoding domain";
    }
    return "MIME error";
}

static void report(struct mime *mime, enum mime_error error, struct str text)
{
    if (mime->options.report & error)
        mime->callbacks.error(mime->context, error, text);
}

static bool has_8bit(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] & 0x80)
            return true;
    return false;
}

/* --- start and end of a message
 * -------------------------------------------------------------- */

static void start_header(struct mime *mime, enum mime_place place, enum mime_type type)
{
    mime->in_header = true;
    mime->place = place;
    mime->type = type;
    buf_reset(&mime->boundary);
    mime->encoding = MIME_ENCODING_NONE;
    mime->quotes = false;
}

struct mime *mime_new(const struct mime_options *options,
                      const struct mime_callbacks *callbacks, void *context)
{
    struct mime *mime = calloc(1, sizeof(*mime));

    if (!mime)
        fatal("out of memory: MIME state");
    mime->options = *options;
    mime->callbacks = *callbacks;
    mime->context = context;
    if (mime->options.header_limit < HEADER_LIMIT)
        mime->options.header_limit = HEADER_LIMIT;
    buf_init(&mime->header, mime->options.header_limit + 1);
    buf_init(&mime->boundary, options->boundary_limit + 1);
    buf_init(&mime->quoted, QUOTED_LINE_MAX);
    start_header(mime, MIME_PRIMARY, MIME_TYPE_OTHER);
    return mime;
}

/* Leave the multiparts inside the outer n. */
static void close_levels(struct mime *mime, size_t n)
{
    while (mime->n > n)
        buf_done(&mime->levels[--mime->n].boundary);
}

void mime_free(struct mime *mime)
{
    if (!mime)
        return;
    buf_done(&mime->header);
    buf_done(&mime->quoted);
    buf_done(&mime->boundary);
    close_levels(mime, 0);
    free(mime->levels);
    free(mime);
}

bool mime_is_8bit(const struct mime *mime)
{
    return mime->is_8bit;
}

/* --- headers
 * ----------------------------------------------------------------------------------- */

static bool is_8bit_encoding(enum mime_encoding encoding)
{
    return encoding == MIME_ENCODING_8BIT || encoding == MIME_ENCODING_BINARY;
}

static void open_multipart(struct mime *mime)
{
    if (mime->n == mime->size) {
        mime->size = mime->size ? mime->size * 2 : 4;
        mime->levels = reallocarray(mime->levels, mime->size, sizeof(*mime->levels));
        if (!mime->levels)
            fatal("out of memory: MIME boundaries");
    }
    mime->levels[mime->n++] = (struct level){.boundary = mime->boundary,
                                             .digest = mime->type == MIME_TYPE_DIGEST};
    buf_init(&mime->boundary, mime->options.boundary_limit + 1);
}

/* compat: of several, the last one tells what follows; but the boundaries of all are
 * known. */
static void note_type(struct mime *mime, struct str logical)
{
    mime->type = mime_type_parse(header_body(logical), mime->options.boundary_limit,
                                 &mime->boundary);
    if (mime->boundary.n == 0 || mime->options.whole)
        return;
    if (mime->n >= mime->options.nesting_limit + NESTING_SLACK)
        report(mime, MIME_TOO_DEEP, logical);
    else
        open_multipart(mime);
}

/* compat: of several, the last one counts. */
static void note_encoding(struct mime *mime, struct str value)
{
    mime->encoding = mime_encoding_parse(value);
    if (is_8bit_encoding(mime->encoding))
        mime->is_8bit = true;
}

/* "Name : value" -> "Name: value", in place. */
static void close_gap(struct buf *header)
{
    size_t name = header_name_length(buf_str(header));
    size_t colon = str_find(buf_str(header), ':');

    memmove(header->p + name, header->p + colon, header->n - colon);
    buf_cut(header, header->n - (colon - name));
}

static void finish_header(struct mime *mime)
{
    struct str logical;
    enum header_id id;
    bool held = false;

    if (mime->header.n == 0)
        return;
    close_gap(&mime->header);
    logical = buf_str(&mime->header);
    id = header_kind(header_name(logical))->id;
    if (id == HEADER_CONTENT_TYPE)
        note_type(mime, logical);
    if (id == HEADER_CONTENT_TRANSFER_ENCODING) {
        note_encoding(mime, header_body(logical));
        held = mime->options.to_7bit && is_8bit_encoding(mime->encoding);
    }
    if (mime->cut)
        report(mime, MIME_HEADER_CUT, logical);
    if ((mime->options.report & MIME_8BIT_HEADER) && has_8bit(logical))
        report(mime, MIME_8BIT_HEADER, logical);
    if (!held)
        mime->callbacks.header(mime->context, mime->place, logical);
    buf_reset(&mime->header);
    mime->cut = false;
}

/* Add to the header that is being collected. */
static void collect(struct mime *mime, struct str text)
{
    size_t room = mime->options.header_limit - mime->header.n;

    if (text.n > room)
        mime->cut = true;
    buf_add_str(&mime->header, str_head(text, room));
}

static bool is_composite(const struct mime *mime)
{
    return mime->type != MIME_TYPE_OTHER;
}

/* The encoding that takes the place of 8bit. */
static void convert(struct mime *mime)
{
    if (!mime->options.to_7bit || !is_8bit_encoding(mime->encoding))
        return;
    mime->quotes = !is_composite(mime);
    mime->callbacks.header(mime->context, mime->place,
                           mime->quotes
                               ? STR("Content-Transfer-Encoding: quoted-printable")
                               : STR("Content-Transfer-Encoding: 7bit"));
}

/* What holds other parts must not be encoded as a whole (RFC 2045 section 6.4). */
static void check_encoding(struct mime *mime)
{
    bool encoded =
        mime->encoding == MIME_ENCODING_QUOTED || mime->encoding == MIME_ENCODING_BASE64;
    bool bad = is_composite(mime) && encoded;

    if (mime->type == MIME_TYPE_MESSAGE_7BIT && is_8bit_encoding(mime->encoding))
        bad = true;
    if (bad)
        report(mime, MIME_BAD_ENCODING, str_of(mime_encoding_name(mime->encoding)));
}

/* The header is over; line is what made it end. */
static void end_header(struct mime *mime, bool missing_line, struct str line)
{
    finish_header(mime);
    mime->in_header = false;
    if (!mime->options.whole)
        convert(mime);
    mime->callbacks.header_end(mime->context, mime->place, missing_line, line);
    if (!mime->options.whole)
        check_encoding(mime);
}

/* Behind the header: another one, when it is that of a message inside. */
static void enter(struct mime *mime)
{
    if (!mime->options.whole && mime->type == MIME_TYPE_MESSAGE)
        start_header(mime, MIME_NESTED, MIME_TYPE_OTHER);
}

/* --- body
 * --------------------------------------------------------------------------------------
 */

static void emit_quoted(void *context, struct str line)
{
    struct mime *mime = context;

    mime->callbacks.body(mime->context, true, line);
}

static void pass(struct mime *mime, bool ends, struct str text)
{
    if ((mime->options.report & MIME_8BIT_BODY) && !mime->options.whole &&
        (mime->encoding == MIME_ENCODING_NONE || mime->encoding == MIME_ENCODING_7BIT) &&
        has_8bit(text))
        report(mime, MIME_8BIT_BODY, text);
    if (!mime->quotes) {
        mime->callbacks.body(mime->context, ends, text);
        return;
    }
    quoted_printable_add(&mime->quoted, text, ends, emit_quoted, mime);
    if (ends) {
        mime->callbacks.body(mime->context, true, buf_str(&mime->quoted));
        buf_reset(&mime->quoted);
    }
}

/* --- boundaries
 * ---------------------------------------------------------------------------------- */

struct boundary_line {
    size_t level; /* index in mime->levels */
    bool last;    /* "--boundary--" */
};

static bool is_white(struct str text)
{
    return str_span(text, " \t\r") == text.n;
}

/* Is the line ("--" taken off) this boundary? exact: nothing but white space may follow.
 */
static bool fits(struct str line, struct str boundary, bool exact, bool *ret_last)
{
    struct str after = str_tail(line, boundary.n);
    bool last;

    if (!str_eq(str_head(line, boundary.n), boundary))
        return false;
    last = str_starts(after, "--");
    if (exact && !is_white(last ? str_tail(after, 2) : after))
        return false;
    *ret_last = last;
    return true;
}

static bool find_boundary(const struct mime *mime, struct str line,
                          struct boundary_line *ret)
{
    if (mime->n == 0 || !str_starts(line, "--"))
        return false;
    line = str_tail(line, 2);
    for (int exact = 1; exact >= 0; exact--)
        for (size_t i = mime->n; i > 0; i--)
            if (fits(line, buf_str(&mime->levels[i - 1].boundary), exact, &ret->last)) {
                ret->level = i - 1;
                return true;
            }
    return false;
}

/* The parts inside are over; the line itself belongs to no part. */
static void cross_boundary(struct mime *mime, const struct boundary_line *found,
                           bool ends, struct str text)
{
    bool digest = mime->levels[found->level].digest;

    mime->quotes = false;
    mime->encoding = MIME_ENCODING_NONE;
    close_levels(mime, found->level + (found->last ? 0 : 1));
    mime->callbacks.body(mime->context, ends, text);
    if (!found->last)
        start_header(mime, MIME_PART, digest ? MIME_TYPE_MESSAGE : MIME_TYPE_OTHER);
}

/* --- lines
 * ------------------------------------------------------------------------------------------
 */

/* The start of a line that may belong to a header. True when it did. */
static bool take_header_line(struct mime *mime, struct str text)
{
    if (mime->header.n && header_is_continuation(text)) {
        collect(mime, STR("\n"));
        collect(mime, text);
        return true;
    }
    /* A name that does not fit below the limit would leave a header without its colon. */
    if (header_name_length(str_head(text, mime->options.header_limit)) == 0)
        return false;
    finish_header(mime);
    collect(mime, text);
    return true;
}

static void take_start(struct mime *mime, bool ends, struct str text)
{
    struct boundary_line found;
    bool empty = text.n == 0 && ends;

    for (;;) {
        if (mime->in_header && take_header_line(mime, text))
            return;
        if (find_boundary(mime, text, &found)) {
            if (mime->in_header)
                end_header(mime, true, text);
            cross_boundary(mime, &found, ends, text);
            return;
        }
        if (!mime->in_header) {
            pass(mime, ends, text);
            return;
        }
        end_header(mime, !empty, text);
        if (empty)
            mime->callbacks.body(mime->context, true, text);
        enter(mime);
        if (empty)
            return;
        /* The line is in what follows: a body, or the empty header of a message. */
    }
}

void mime_take(struct mime *mime, bool ends, struct str text)
{
    if (!mime->in_line)
        take_start(mime, ends, text);
    else if (mime->in_header && mime->header.n)
        collect(mime, text);
    else
        pass(mime, ends, text);
    mime->in_line = !ends;
}

void mime_end(struct mime *mime)
{
    if (mime->ended)
        return;
    mime->ended = true;
    if (mime->in_header)
        end_header(mime, false, STR_NONE);
    if (mime->quoted.n)
        mime->callbacks.body(mime->context, false, buf_str(&mime->quoted));
}
