/* "transport:nexthop" as tables, filters and queue files have it. */
#ifndef MAIL_TRANSPORT_H
#define MAIL_TRANSPORT_H

#include "util/str.h"

struct transport_route {
    struct str transport; /* "smtp"; empty in ":nexthop" and ":" */
    struct str nexthop;   /* "[host]:25"; may hold colons; empty in "smtp" and "smtp:" */
    bool has_colon;
};

/* Split at the first colon; blanks around are trimmed. Views into text. */
struct transport_route transport_split(struct str text);

#endif
