/*
 * What a load balancer in front of us writes before the client's own bytes: who the
 * client is. The PROXY protocol of haproxy, in its first version a line, in its second
 * 16 bytes and what they announce.
 */
#ifndef NET_PROXY_HEADER_H
#define NET_PROXY_HEADER_H

#include "net/netaddr.h"
#include "util/attributes.h"
#include "util/fail.h"

enum {
    PROXY_LINE_MAX = 256, /* of the first version, without its end; 107 are usual */
    PROXY_FIXED = 16,     /* of the second, which begins with CR */
    PROXY_REST_MAX = 4096,
};

struct proxy_header {
    bool is_told; /* false: it is the balancer's own connection, to see how we do */
    struct netaddr client, server;
};

/* "PROXY TCP4 192.0.2.7 192.0.2.8 4321 25". Others than TCP4 and TCP6 are not taken: with
 * UNKNOWN anybody would be who the balancer is. */
int proxy_header_line(struct str line, struct proxy_header *ret,
                      struct fail *why) MUST_CHECK;

/* How many bytes follow the first PROXY_FIXED ones of the second version. */
int proxy_header_rest(struct str fixed, size_t *ret, struct fail *why) MUST_CHECK;
int proxy_header_binary(struct str fixed, struct str rest, struct proxy_header *ret,
                        struct fail *why) MUST_CHECK;

#endif
