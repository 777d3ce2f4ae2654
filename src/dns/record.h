/*
 * What can be asked of the DNS, and what comes back.
 *
 * Every question ends in one of three ways: records, "there are none", or
 * "could not find out". The last is always temporary unless the question
 * itself was malformed.
 */
#ifndef DNS_RECORD_H
#define DNS_RECORD_H

#include "net/netaddr.h"
#include "util/arena.h"

enum dns_type { /* values of the IANA registry */
                DNS_A = 1,
                DNS_NS = 2,
                DNS_CNAME = 5,
                DNS_PTR = 12,
                DNS_MX = 15,
                DNS_TXT = 16,
                DNS_AAAA = 28,
                DNS_SRV = 33,
};
const char *dns_type_text(enum dns_type type); /* "MX" */

enum dns_status {
    DNS_FOUND,     /* at least one record of the type asked for */
    DNS_NO_NAME,   /* NXDOMAIN: the name does not exist */
    DNS_NO_DATA,   /* the name exists, or may, without records of this type */
    DNS_TRY_AGAIN, /* time-out, SERVFAIL, unusable answers: temporary */
    DNS_REFUSED,   /* the servers refuse or cannot do this: REFUSED, FORMERR, NOTIMP */
    DNS_BAD_REPLY, /* records of the right type that are malformed, no good one among them
                    */
    DNS_BAD_NAME,  /* the question: no valid domain name; nobody was asked */
    DNS_FILTERED,  /* there are records, and the filter dropped them all */
    DNS_UNFILTERED, /* there are records, and the filter failed */
};
/* "Host not found", "Host not found, try again", ... as they stand in log lines. */
const char *dns_status_text(enum dns_status status);
/* True when asking later may give another answer: everything but FOUND, NO_NAME, NO_DATA,
 * BAD_NAME. */
bool dns_status_is_temporary(enum dns_status status);
/* FILTERED or UNFILTERED: it is our own doing. */
static inline bool dns_status_is_of_filter(enum dns_status status)
{
    return status == DNS_FILTERED || status == DNS_UNFILTERED;
}

struct dns_record {
    enum dns_type type;
    uint32_t ttl;        /* seconds; of an answer behind CNAMEs the least of the chain */
    const char *name;    /* owner, no final dot; behind CNAMEs the canonical name */
    uint16_t preference; /* MX; SRV: priority */
    uint16_t weight, port; /* SRV */
    const char *target; /* MX, SRV, NS, PTR, CNAME: host name without final dot; "" is the
                           root (null MX, no such service) */
    struct netaddr address; /* A, AAAA */
    struct str text;        /* TXT: the strings joined; may hold any byte */
};

enum { DNS_RECORDS_MAX = 100, DNS_CNAME_MAX = 10 };

struct dns_question {
    /* set by the caller */
    const char *name; /* a final dot is allowed and dropped; must outlive the answer */
    enum dns_type type;
    /* the answer; in the arena given to dns_ask or dns_start */
    enum dns_status status;
    struct dns_record *records; /* at most DNS_RECORDS_MAX, order as received */
    size_t n;
    bool authentic;       /* the AD bit, when the server is on loopback; else false */
    int64_t negative_ttl; /* NO_NAME, NO_DATA: seconds that this holds; -1 = not told */
};

/*
 * "one.test. 60 IN MX 10 mail.one.test.": owner, seconds to live, class, type,
 * preference (SRV: also weight and port), value; in arena.
 */
const char *dns_record_text(const struct dns_record *record, struct arena *arena);

/*
 * "Host or domain name not found. Name service error for name=D type=MX: Host
 * not found, try again", for delivery reports; in arena.
 */
const char *dns_explain(const struct dns_question *question, struct arena *arena);

/*
 * May this be asked: 1-63 bytes a label, at most 253 in all (one final dot
 * aside), printable ASCII without what the presentation form quotes.
 */
bool dns_name_is_valid(const char *name);
/* Is this the name of a host: letters, digits, "-" and "_", and not all digits and dots.
 */
bool dns_host_is_valid(const char *name);

#endif
