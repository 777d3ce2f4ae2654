/*
 * Asking name servers: several questions in flight at once, one deadline.
 *
 * libc makes and reads the names in packets; the sockets and the waiting are ours.
 * Each question has its own socket (a random source port from the kernel) and
 * random id; an answer counts only when id, question name, type and class all
 * match (RFC 5452). A truncated answer is asked again over TCP. Lost packets
 * are sent again, to the next server in turn.
 */
#ifndef DNS_RESOLVER_H
#define DNS_RESOLVER_H

#include "dns/record.h"
#include "dns/servers.h"
#include "util/clock.h"

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
 * What an administrator does not want to see. ignores() is asked for each record
 * of an answer in its text form (dns_record_text): 1 = drop it, 0 = keep it,
 * -1 = could not find out.
 */
struct dns_filter {
    int (*ignores)(void *context, const char *record, struct arena *arena);
    void *context;
};
void resolver_set_filter(struct resolver *resolver, const struct dns_filter *filter);

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

#endif
