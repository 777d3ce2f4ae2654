/*
 * The content of a message, as it comes after DATA: from lines on the wire to
 * queue file records.
 */
#ifndef SMTPD_CONTENT_H
#define SMTPD_CONTENT_H

#include "util/stream.h"

/* What to do with lines that end in a bare LF: smtpd_forbid_bare_newline. */
enum bare_newline {
    BARE_NEWLINE_ALLOW,
    BARE_NEWLINE_NORMALIZE,
    BARE_NEWLINE_NOTE,
    BARE_NEWLINE_REJECT,
};

struct content_rules {
    size_t line_max; /* longest piece of a line in one record: line_length_limit */
    long long limit; /* message_size_limit; 0 = none */
    enum bare_newline bare_newline;
    /* Takes each record: RECORD_LINE (a line end follows) or RECORD_CHUNK (more of the
     * line follows). */
    void (*record)(void *context, int type, struct str data);
    /* Tells of so many bytes that came, or NULL. */
    void (*progress)(void *context, size_t n);
    void *context;
};

/* What came of reading up to the final dot. */
struct content {
    enum stream_result result; /* STREAM_OK: the final dot came */
    bool too_big; /* the limit was exceeded; what came after that was read and dropped */
    bool bare_lf; /* some line ended in LF alone, and this client must not do that */
    bool noted;   /* the same for BARE_NEWLINE_NOTE */
    long long bytes; /* received, line ends included */
    long long size;  /* of what is meant: each line ends in CR LF, hiding dots are gone */
};

/* Read to the end of data (RFC 5321 section 4.1.1.4), passing records on. */
struct content content_read(struct stream *stream, const struct content_rules *rules);

#endif
