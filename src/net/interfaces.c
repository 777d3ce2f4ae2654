/*
 * Own addresses. Loopback, and every other address, counts: mail for any of
 * them would come back to us. Only a probe that saw at least one address is
 * believed.
 */
#include "net/interfaces.h"

#include "net/endpoint.h"
#include "net/protocols.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

static unsigned prefix_length(const struct netaddr *mask)
{
    unsigned bits = 0;

    for (size_t i = 0; i < netaddr_size(mask); i++)
        bits += (unsigned)__builtin_popcount(mask->bytes[i]);
    return bits;
}

static socklen_t size_of(const struct sockaddr *sa)
{
    return sa->sa_family == AF_INET    ? sizeof(struct sockaddr_in)
           : sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                       : 0;
}

static void add(struct interfaces *set, const struct netaddr *address, unsigned bits)
{
    for (size_t i = 0; i < set->n; i++)
        if (netaddr_equal(&set->addresses[i], address))
            return;
    set->addresses[set->n] = *address;
    set->networks[set->n] = cidr_around(address, bits);
    set->n++;
}

static void make_room(struct interfaces *set, struct arena *arena, size_t n)
{
    struct interfaces bigger = {.addresses =
                                    arena_array(arena, n, sizeof *set->addresses),
                                .networks = arena_array(arena, n, sizeof *set->networks),
                                .n = set->n};

    for (size_t i = 0; i < set->n; i++) {
        bigger.addresses[i] = set->addresses[i];
        bigger.networks[i] = set->networks[i];
    }
    *set = bigger;
}

static void add_interface(struct interfaces *set, const struct ifaddrs *ifa,
                          int protocols)
{
    struct netaddr address, netmask;

    if (ifa->ifa_addr == NULL || !(ifa->ifa_flags & IFF_UP) ||
        size_of(ifa->ifa_addr) == 0)
        return;
    netaddr_from_socket(ifa->ifa_addr, size_of(ifa->ifa_addr), &address);
    if (!protocols_has(protocols, &address))
        return;
    netmask = address;
    memset(netmask.bytes, 0xff, sizeof netmask.bytes);
    if (ifa->ifa_netmask != NULL)
        netaddr_from_socket(ifa->ifa_netmask, size_of(ifa->ifa_addr), &netmask);
    add(set, &address, prefix_length(&netmask));
}

int interfaces_probe(int protocols, struct arena *arena, struct interfaces *ret,
                     struct fail *why)
{
    struct interfaces found = {0};
    struct ifaddrs *list = NULL;
    size_t n = 0;

    if (getifaddrs(&list) < 0)
        return fail_set(why, "cannot list the addresses of this machine: %m");
    for (const struct ifaddrs *ifa = list; ifa != NULL; ifa = ifa->ifa_next)
        n++;
    make_room(&found, arena, n);
    for (const struct ifaddrs *ifa = list; ifa != NULL; ifa = ifa->ifa_next)
        add_interface(&found, ifa, protocols);
    freeifaddrs(list);
    if (found.n == 0)
        return fail_set(why, "could not find any active network interfaces");
    *ret = found;
    return 0;
}

/* One word of the list: its addresses, with the subnets that our interfaces give them. */
static int select_host(struct str word, int protocols, const struct interfaces *own,
                       struct arena *arena, struct interfaces *set, struct fail *why)
{
    struct str bare = word;
    struct netaddrs addresses = {0};
    int result;

    if (word.n > 2 && word.p[0] == '[' && word.p[word.n - 1] == ']')
        bare = str_from(word.p + 1, word.n - 2);
    result = endpoint_addresses(arena_copy_str(arena, bare), 0, protocols, arena,
                                &addresses, why);
    if (result < 0)
        return fail_prefix(why, "\"%.*s\"", STR_ARG(word));
    if (result == 0) {
        struct netaddr unused;

        if (netaddr_parse(bare, &unused))
            return 0; /* an address of a protocol that is switched off */
        return fail_set(why, "host not found: \"%.*s\"", STR_ARG(word));
    }
    make_room(set, arena, set->n + addresses.n);
    for (size_t i = 0; i < addresses.n; i++) {
        unsigned bits = 8 * (unsigned)netaddr_size(&addresses.items[i]);

        for (size_t k = 0; k < own->n; k++)
            if (netaddr_equal(&own->addresses[k], &addresses.items[i]))
                bits = own->networks[k].bits;
        add(set, &addresses.items[i], bits);
    }
    return 0;
}

static void select_loopback(const struct interfaces *own, struct arena *arena,
                            struct interfaces *set)
{
    make_room(set, arena, set->n + own->n);
    for (size_t i = 0; i < own->n; i++)
        if (netaddr_is_loopback(&own->addresses[i]))
            add(set, &own->addresses[i], own->networks[i].bits);
}

int interfaces_select(const char *inet_interfaces, int protocols, struct arena *arena,
                      struct interfaces *ret, struct fail *why)
{
    struct str rest = str_of(inet_interfaces), word;
    struct interfaces own = {0}, set = {0};

    if (interfaces_probe(protocols, arena, &own, why) < 0)
        return -1;
    if (str_is_nocase(str_trim(rest), "all")) {
        *ret = own;
        return 0;
    }
    while ((word = str_word(&rest, ", \t\r\n")).n > 0) {
        if (str_is_nocase(word, "loopback-only"))
            select_loopback(&own, arena, &set);
        else if (select_host(word, protocols, &own, arena, &set, why) < 0)
            return -1;
    }
    *ret = set;
    return 0;
}

bool interfaces_has(const struct interfaces *interfaces, const struct netaddr *address)
{
    for (size_t i = 0; i < interfaces->n; i++)
        if (netaddr_equal(&interfaces->addresses[i], address))
            return true;
    return false;
}
