/*
 * Asking name servers: several questions in flight at once, one deadline.
 *
 * libldns builds and parses packets; the sockets and the waiting are ours.
 * Each question has its own socket (a random source port from the kernel) and
 * random id; an answer counts only when id, question name, type and class all
 * match (RFC 5452). A truncated answer is asked again over TCP. Lost packets
 * are sent again, to the next server in turn.
 *
 * Every question ends in one of three ways: records, "there are none", or
 * "could not find out". The last is always temporary unless the question
 * itself was malformed.
 */
#ifndef DNS_RESOLVER_H
#define DNS_RESOLVER_H

#include "net/netaddr.h"
#include "util/arena.h"
#include "util/clock.h"
#include "util/fail.h"

enum dns_type { /* values of the IANA registry */
                DNS_A = 1,
                DNS_CNAME = 5,
                DNS_PTR = 12,
                DNS_MX = 15,
                DNS_TXT = 16,
                DNS_AAAA = 28,
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
};
/* "Host not found", "Host not found, try again", ... as they stand in log lines. */
const char *dns_status_text(enum dns_status status);
/* True when asking later may give another answer: everything but FOUND, NO_NAME, NO_DATA,
 * BAD_NAME. */
bool dns_status_is_temporary(enum dns_status status);

struct dns_record {
    enum dns_type type;
    uint32_t ttl;        /* seconds; of an answer behind CNAMEs the least of the chain */
    const char *name;    /* owner, no final dot; behind CNAMEs the canonical name */
    uint16_t preference; /* MX */
    const char *target;  /* MX, PTR, CNAME: host name without final dot; "" is the root
                            (null MX) */
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
    bool authentic; /* the AD bit, when the server is on loopback; else false */
};

/* Where and how to ask: what resolv.conf(5) says. */
enum { DNS_SERVERS_MAX = 3, DNS_SEARCH_MAX = 6 };
struct dns_servers {
    struct netaddr address[DNS_SERVERS_MAX]; /* with port */
    size_t n;
    int timeout_ms;                     /* for the first try of one server; 5000 */
    int attempts;                       /* rounds over all servers; 2 */
    const char *search[DNS_SEARCH_MAX]; /* "search" or "domain" */
    size_t n_search;
};

/*
 * Read a file in the form of resolv.conf(5): nameserver (also "[address]:port"),
 * search, domain, options timeout: attempts:. A missing file or one without
 * nameserver means 127.0.0.1 port 53. Lines it does not know are skipped.
 */
int dns_servers_read(const char *path, struct arena *arena, struct dns_servers *ret,
                     struct fail *why) MUST_CHECK;

struct resolver;

/* Use the servers of the file at path, read at first use and again when it changed. */
struct resolver *resolver_new(const char *path, const struct clock *clock);
/* Use these servers, for tests and tools. */
struct resolver *resolver_new_with(const struct dns_servers *servers,
                                   const struct clock *clock);
void resolver_free(struct resolver *resolver); /* NULL is fine */

/*
 * "RES_DEFNAMES" and "RES_DNSRCH" of smtp_dns_resolver_options and
 * smtp_host_lookup: complete a name without a dot by the (first, or each)
 * search domain. Off at the start: names are taken as complete.
 */
enum { DNS_APPEND_DOMAIN = 1, DNS_APPEND_SEARCH = 2 };
void resolver_set_options(struct resolver *resolver, unsigned options);

/*
 * Ask all n questions and wait for all answers. Never fails as a whole: what
 * cannot be found out is in each question's status.
 */
void dns_ask(struct resolver *resolver, struct dns_question *questions, size_t n,
             struct arena *arena);

/* One question; returns its status. */
enum dns_status dns_ask_one(struct resolver *resolver, struct dns_question *question,
                            struct arena *arena);

/*
 * The same in two steps, to do other work while answers travel. dns_finish
 * waits for the rest and frees the batch; each started batch must be finished.
 */
struct dns_batch;
struct dns_batch *dns_start(struct resolver *resolver, struct dns_question *questions,
                            size_t n, struct arena *arena);
void dns_finish(struct dns_batch *batch);

/*
 * "Host or domain name not found. Name service error for name=D type=MX: Host
 * not found, try again", for delivery reports; in arena.
 */
const char *dns_explain(const struct dns_question *question, struct arena *arena);

#endif
