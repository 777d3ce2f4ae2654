/* Replies of SMTP and LMTP servers: RFC 5321 section 4.2. */
#ifndef CLIENT_REPLY_H
#define CLIENT_REPLY_H

#include "mail/status.h"
#include "util/arena.h"
#include "util/stream.h"

enum {
    REPLY_LINE_MAX = 2048,       /* bytes of a line that are kept */
    REPLY_TEXT_MAX = 16384,      /* bytes of a reply that are kept */
    REPLY_READ_MAX = 256 * 1024, /* bytes of a reply that are read at all */
};

struct reply {
    int code;                /* 200 to 599; 0 when no reply has such a code */
    char status[STATUS_MAX]; /* RFC 3463, of the last line or made from the code; 5.5.0
                                without code, and for 3xx */
    const char *text;  /* all lines with their codes, joined by LF; printable; in arena */
    bool unfiltered;   /* the filter failed: the reply is not to be used */
    const char *noise; /* the first line that has not the form of a reply; or NULL */
};

static inline int reply_class(const struct reply *reply)
{
    return reply->code / 100;
}

/*
 * Replaces lines of replies. replace() returns 1 with another line in *ret,
 * 0 = the line stays, -1 = could not find out.
 */
struct reply_filter {
    int (*replace)(void *context, struct str line, struct arena *arena, struct str *ret);
    void *context;
};

/*
 * Read one whole reply: up to a line "NNN text". Lines of another form are kept
 * in the text but mean nothing, empty lines are dropped. A reply that goes on
 * beyond REPLY_READ_MAX ends the session as STREAM_TOO_LONG. filter may be NULL.
 */
enum stream_result reply_read(struct stream *stream, struct arena *arena,
                              const struct reply_filter *filter,
                              struct reply *ret) MUST_CHECK;

/* The text on one line, for logs and reports; in arena. */
const char *reply_line(const struct reply *reply, struct arena *arena);

#endif
