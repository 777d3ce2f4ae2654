/*
 * Blocks of addresses: "192.0.2.0/24", "[2001:db8::]/32", "2001:db8::/32".
 */
#ifndef NET_CIDR_H
#define NET_CIDR_H

#include "net/netaddr.h"
#include "util/fail.h"

struct cidr {
    enum netaddr_family family; /* IPv4 or IPv6 */
    unsigned bits;              /* length of the network part */
    unsigned char bytes[16];    /* host part is zero */
};

/*
 * Parse all of text. An address alone is a block of one. Bits set behind the
 * mask are refused, with the corrected block in the words; so is anything
 * that is no address.
 */
int cidr_parse(struct str text, struct cidr *ret, struct fail *why) MUST_CHECK;

/* The block of that many bits around an address; more bits than it has = all of them. */
struct cidr cidr_around(const struct netaddr *address, unsigned bits);

bool cidr_match(const struct cidr *block, const struct netaddr *address);

/* "192.0.2.0/24", "[2001:db8::]/32", as mynetworks shows them. */
const char *cidr_text(const struct cidr *block, char text[static NETADDR_TEXT]);

#endif
