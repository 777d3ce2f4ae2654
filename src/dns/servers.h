/* Where and how to ask: what resolv.conf(5) says. */
#ifndef DNS_SERVERS_H
#define DNS_SERVERS_H

#include "net/netaddr.h"
#include "util/arena.h"
#include "util/attributes.h"
#include "util/fail.h"

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

#endif
