/* The parameter inet_protocols: which Internet protocols are used at all. */
#ifndef NET_PROTOCOLS_H
#define NET_PROTOCOLS_H

#include "net/netaddr.h"
#include "util/fail.h"

enum { PROTOCOL_IPV4 = 1, PROTOCOL_IPV6 = 2 };

/*
 * Parse "all", "ipv4", "ipv6", "ipv4, ipv6" into a set of PROTOCOL_ bits. For
 * "all", a protocol that this kernel does not have is left out.
 */
int protocols_parse(struct str text, int *ret, struct fail *why) MUST_CHECK;

/* Is the family of this address in the set? UNIX always is. */
bool protocols_has(int protocols, const struct netaddr *address);

#endif
