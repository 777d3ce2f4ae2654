/*
 * Where mail for an address goes: its class, transport, next hop.
 */
#ifndef ROUTE_ROUTE_H
#define ROUTE_ROUTE_H

#include "ipc/messages.h"
#include "table/maps.h"
#include "table/site.h"

/* Parameters that probes of verify(8) have of their own: address_verify_transport_maps
 * and so on. */
struct route_choices {
    const char *local, *virtual, *relay, *other; /* transports of the classes */
    const char *relayhost;
    struct maps *transport_maps;
    struct maps *sender_relayhost, *sender_transport; /* sender_dependent_..._maps */
};

/* Everything that routing depends on; set up once a process. */
struct router {
    const struct conf *conf;
    struct tables *tables;
    struct site site;
    struct match_list *virtual_alias_domains, *virtual_mailbox_domains, *relay_domains;
    struct maps *relocated_maps;
    struct route_choices mail, probe;
    unsigned transport_parts; /* ADDRESS_MAPS_TRANSPORT, and parents by
                                 parent_domain_matches_subdomains */
};

int router_init(struct router *router, const struct conf *conf, struct arena *arena,
                struct fail *why) MUST_CHECK;

/* What decided a part of the route: a parameter, and where that is a table, its entry. */
struct route_reason {
    const char *param;
    const char *table, *key; /* NULL = no table */
};

struct route_reasons {
    struct route_reason class, transport, nexthop;
};

/*
 * Decide. *ret's texts live in arena. A failed lookup sets RESOLVE_FAIL, a bad
 * address RESOLVE_ERROR; *why then has the words for the log. 0 = a route was
 * found, -1 = one of these two.
 */
int router_resolve(struct router *router, const struct resolve *question,
                   struct arena *arena, struct resolved *ret,
                   struct fail *why) MUST_CHECK;
/* The same, and why; parts that nothing decided (bad addresses) have no param. */
int router_explain(struct router *router, const struct resolve *question,
                   struct arena *arena, struct resolved *ret,
                   struct route_reasons *reasons, struct fail *why) MUST_CHECK;

/* --- address.c ---------------------------------------------------------------- */

enum unwrapped { UNWRAPPED_OK, UNWRAPPED_BAD, UNWRAPPED_FAIL };

/*
 * Strip our own domains off an address with more routing behind them
 * ("a%b@here", "\"a@b\"@here"), so that the class is decided on the domain
 * that is left. *ret_routed: routing is still inside, behind a domain that is
 * not ours. *ret_address lives in arena.
 */
enum unwrapped address_unwrap(struct router *router, const char *address,
                              struct arena *arena, const char **ret_address,
                              bool *ret_routed, struct fail *why);

#endif
