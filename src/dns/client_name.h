/*
 * The name of a client: the name its address points to, believed only when
 * that name leads back to the address. The hosts file stands before the DNS.
 */
#ifndef DNS_CLIENT_NAME_H
#define DNS_CLIENT_NAME_H

#include "dns/resolver.h"
#include "net/hosts.h"

enum client_name_status {
    CLIENT_NAME_OK = 2,     /* there is a name */
    CLIENT_NAME_TEMP = 4,   /* could not find out now */
    CLIENT_NAME_PERM = 5,   /* there is none */
    CLIENT_NAME_FORGED = 6, /* there is one, but it does not lead back; only of name */
};

struct client_name {
    const char *name;                       /* verified, or "unknown" */
    const char *reverse;                    /* what the address points to, or "unknown" */
    enum client_name_status status;         /* of name */
    enum client_name_status reverse_status; /* of reverse */
    /* "hostname H does not resolve to address A[: reason]" when name is not OK though
     * reverse is; else NULL */
    const char *warning;
};

/*
 * Look up both; texts in arena. hosts may be NULL. With verify = false name
 * stays "unknown" with the status of reverse. UNIX clients are "localhost".
 * A name that is no valid host name, or looks like an address, is not believed.
 */
void client_name_lookup(struct resolver *resolver, struct hosts *hosts,
                        const struct netaddr *address, bool verify, struct arena *arena,
                        struct client_name *ret);

#endif
