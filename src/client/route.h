/*
 * From a destination to the hosts that take its mail, best first: RFC 5321
 * section 5.1 (MX, then addresses), RFC 7505 (null MX), RFC 2782 (SRV), and the rules
 * against delivering to ourselves.
 */
#ifndef CLIENT_ROUTE_H
#define CLIENT_ROUTE_H

#include "client/destination.h"
#include "mail/outcome.h"

struct route_host {
    const char *name;       /* of the host; for "[192.0.2.1]" the address */
    struct netaddr address; /* with port */
    unsigned preference;    /* of its MX or SRV record; 0 without */
    unsigned rank;          /* among those of one preference, by SRV weights */
};

struct route {
    struct route_host *hosts; /* in the order to try, in arena */
    size_t n;
    bool loops; /* we are the best of them: the mail would come back to us at once */
    bool ours;  /* we are one of them, or of those left out: no fallback relay, it may
                   send the mail back */
};

/*
 * 0 and at least one host, or -1 and why all mail for the destination is
 * deferred or bounced; ret->ours and loops are set in both cases. Oddities of the DNS go
 * to settings->warn.
 */
int route_find(const struct client_settings *settings,
               const struct destination *destination, struct arena *arena,
               struct route *ret, struct outcome *ret_failure) MUST_CHECK;

/*
 * The parts of route_find, for tests: put hosts in the order to try, then
 * keep what mx_address_limit allows with both protocols represented.
 */
void route_sort(const struct client_settings *settings, struct route *route);
void route_limit(const struct client_settings *settings, struct route *route);

#endif
