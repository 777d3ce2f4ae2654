/*
 * The address argument of SMTP MAIL FROM: and RCPT TO: (RFC 5321 section 4.1.2).
 *
 * Source routes ("@a,@b:") are recognised and dropped, as section 4.1.1.3 asks.
 */
#ifndef MAIL_PATH_H
#define MAIL_PATH_H

#include "util/arena.h"
#include "util/fail.h"
#include "util/str.h"

enum {
    PATH_STRICT = 1,  /* strict_rfc821_envelopes: <> required, no phrases or comments */
    PATH_NULL_OK = 2, /* "<>" is an address (MAIL FROM) */
    PATH_UTF8_OK = 4, /* bytes over 127 are allowed; they must then be valid UTF-8 */
};

struct path {
    struct str address; /* internal form, NUL-terminated, in the arena; "" for <> */
    struct str
        rest; /* what follows: ESMTP parameters, no leading blanks; points into text */
};

/*
 * Parse the text after the colon. Without PATH_STRICT also accepted: a missing
 * pair of <>, blanks before it, "Name <addr> (comment)". -1 and *why (words for
 * a log line) when this is no address.
 */
int path_parse(struct str text, unsigned flags, struct arena *arena, struct path *ret,
               struct fail *why) MUST_CHECK;

#endif
