/*
 * One question in flight: its socket, its tries, its end. Used by resolver.c
 * only, which does the waiting for all queries of a batch.
 */
#ifndef DNS_QUERY_H
#define DNS_QUERY_H

#include "dns/packet.h"
#include "dns/record.h"
#include "dns/servers.h"
#include "util/clock.h"

/* Numbers that nobody can guess, fetched from the kernel in lots. */
struct query_random {
    uint16_t pool[32];
    size_t left;
};

/* What the queries of a batch share. */
struct query_world {
    const struct dns_servers *servers;
    const struct clock *clock;
    struct query_random *random;
    struct arena *arena;
    unsigned options; /* DNS_APPEND_ bits */
};

struct query {
    const struct query_world *world;
    struct dns_question *question;

    struct packet_asked asked; /* now: behind aliases no longer the question's name */
    struct str packet;
    size_t candidate; /* of the names that search domains make */
    unsigned aliases; /* passed in earlier packets */
    uint32_t ttl;     /* least of those aliases */

    int try;                   /* counts over all servers and rounds */
    enum dns_status when_lost; /* the status when no try succeeds */
    int64_t due_ms;            /* end of this try */
    int fd;                    /* -1 when done */
    short events;              /* to wait for */

    bool tcp;
    size_t sent;       /* of length prefix and packet */
    unsigned char *in; /* length prefix and answer */
    size_t in_n;
};

/* Send the first packet. The query may be done at once (fd < 0). */
void query_start(struct query *q, const struct query_world *world,
                 struct dns_question *question);
/* fd is ready for what was waited for. */
void query_ready(struct query *q);
/* due_ms has come. */
void query_expired(struct query *q);

#endif
