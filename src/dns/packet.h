/*
 * DNS packets (RFC 1035 section 4): one question out, one answer in.
 *
 * Answers come from anybody who can reach our port: nothing in them is
 * believed before it is checked against their length and our question.
 */
#ifndef DNS_PACKET_H
#define DNS_PACKET_H

#include "dns/record.h"

#include <stdint.h>

enum { DNS_PACKET_MAX = 65535 };

/* What was asked, to hold an answer against; name is valid by dns_name_is_valid. */
struct packet_asked {
    const char *name;
    enum dns_type type;
    uint16_t id;
};

/* The packet that asks for it, with recursion desired; in arena. */
struct str packet_question(const struct packet_asked *asked, struct arena *arena);

enum packet_kind {
    PACKET_FOREIGN,   /* no answer to this question: wait on */
    PACKET_TRUNCATED, /* ask again over TCP */
    PACKET_SERVER,    /* this server cannot say (SERVFAIL, REFUSED ...): ask another */
    PACKET_ALIAS,     /* the name is an alias of target, which has to be asked for */
    PACKET_ANSWER,    /* status and records are the answer */
};

struct packet_answer {
    enum dns_status status; /* ANSWER: the end; SERVER: what to say when no other server
                               knows better */
    struct dns_record *records; /* in arena */
    size_t n;
    bool authentic;   /* AD bit */
    const char *name; /* ANSWER: canonical name; ALIAS: the name to ask for; in arena */
    uint32_t ttl;     /* least of the CNAMEs passed, UINT32_MAX when there were none */
    unsigned aliases; /* CNAMEs passed */
    int64_t negative_ttl; /* NO_NAME, NO_DATA: as in struct dns_question */
};

/* Read the packet as an answer to what was asked. */
enum packet_kind packet_read(struct str packet, const struct packet_asked *asked,
                             struct arena *arena, struct packet_answer *ret);

#endif
