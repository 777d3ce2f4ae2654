/*
 * The addresses and networks of this machine, and those among them that the
 * mail system answers at (inet_interfaces, proxy_interfaces).
 *
 * A probe that fails is an error, never "none": an empty list of own networks
 * or addresses once made open relays (CVE-2005-0337).
 */
#ifndef NET_INTERFACES_H
#define NET_INTERFACES_H

#include "net/cidr.h"
#include "net/netaddr.h"
#include "util/arena.h"
#include "util/fail.h"

struct interfaces {
    struct netaddr *addresses; /* port 0 */
    struct cidr *networks;     /* networks[i] is the subnet of addresses[i] */
    size_t n;
};

/* Every address of every interface that is up, of the given PROTOCOL_ set
 * (net/protocols.h). */
int interfaces_probe(int protocols, struct arena *arena, struct interfaces *ret,
                     struct fail *why) MUST_CHECK;

/*
 * What a parameter such as inet_interfaces names: "all" (as interfaces_probe),
 * "loopback-only", or a list of host names and addresses by commas or blanks.
 * Names that are not known are an error; a given address needs no interface
 * of ours (proxy_interfaces), its network is then the address itself.
 */
int interfaces_select(const char *inet_interfaces, int protocols, struct arena *arena,
                      struct interfaces *ret, struct fail *why) MUST_CHECK;

/* Is address one of these? Ports do not count. */
bool interfaces_has(const struct interfaces *interfaces, const struct netaddr *address);

#endif
