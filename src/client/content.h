/*
 * Message content on its way to a server: CRLF line ends, dots doubled at line
 * starts (RFC 5321 section 4.5.2), over-long lines broken.
 */
#ifndef CLIENT_CONTENT_H
#define CLIENT_CONTENT_H

#include "util/stream.h"

struct content {
    struct stream *stream;
    size_t limit;  /* bytes of a line before CRLF; 0 = none */
    size_t column; /* bytes of the current line written */
    bool broken;   /* some line was too long */
};

void content_init(struct content *content, struct stream *stream, int line_length_limit);

/*
 * Add text, and a line end after it when ends. A line may come in several
 * pieces. Line ends inside text, which would let content pass for commands at
 * servers with lax rules, become blanks.
 */
void content_line(struct content *content, struct str text, bool ends);

/* End an unfinished line, then the line with the dot. */
void content_end(struct content *content);

#endif
