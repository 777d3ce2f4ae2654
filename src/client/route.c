/*
 * Which hosts take the mail of a destination, and in what order they are
 * tried. All names are asked for at once. Looking for ourselves among the
 * exchangers comes before any limit, so that a loop is never overlooked.
 */
#include "client/route.h"

#include "client/services.h"
#include "net/endpoint.h"
#include "net/protocols.h"

#include <netdb.h>
#include <stdlib.h>
#include <sys/random.h>

enum { NAMES_AT_ONCE = 20 };

/* A name whose addresses are wanted. */
struct wanted {
    const char *name;
    unsigned preference, rank;
    uint16_t port;
    bool done; /* has addresses, or no other way to look it up may be tried */
};

/* The search for one destination's hosts. */
struct search {
    const struct client_settings *settings;
    const struct destination *destination;
    struct arena *arena;

    struct route route;
    size_t room;            /* of route.hosts */
    struct outcome trouble; /* the worst reason why a name has no address */
    struct outcome failure;
};

/* --- order ---------------------------------------------------------------- */

struct keyed {
    struct route_host host;
    uint32_t key;
};

static int family_rank(enum client_prefer prefer, const struct netaddr *address)
{
    if (prefer == CLIENT_PREFER_ANY)
        return 0;
    return (address->family == NETADDR_IPV6) != (prefer == CLIENT_PREFER_IPV6);
}

static int by_preference(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;

    if (x->host.preference != y->host.preference)
        return x->host.preference < y->host.preference ? -1 : 1;
    if (x->host.rank != y->host.rank)
        return x->host.rank < y->host.rank ? -1 : 1;
    return x->key < y->key ? -1 : x->key > y->key;
}

void route_sort(const struct client_settings *settings, struct route *route)
{
    struct keyed *keyed = calloc(route->n + 1, sizeof *keyed);

    for (size_t i = 0; keyed != NULL && i < route->n; i++) {
        uint32_t key = (uint32_t)i; /* in the order found */

        if (settings->randomize_addresses && route->n > 1)
            (void)!getrandom(&key, sizeof key, 0);
        key >>= 1;
        if (family_rank(settings->address_preference, &route->hosts[i].address) > 0)
            key |= 1u << 31;
        keyed[i] = (struct keyed){route->hosts[i], key};
    }
    if (keyed == NULL)
        return;
    qsort(keyed, route->n, sizeof *keyed, by_preference);
    for (size_t i = 0; i < route->n; i++)
        route->hosts[i] = keyed[i].host;
    free(keyed);
}

static size_t count_family(const struct route *route, enum netaddr_family family)
{
    size_t n = 0;

    for (size_t i = 0; i < route->n; i++)
        n += route->hosts[i].address.family == family;
    return n;
}

void route_limit(const struct client_settings *settings, struct route *route)
{
    size_t limit = (size_t)settings->mx_address_limit, kept = 0;
    size_t ipv4 = count_family(route, NETADDR_IPV4),
           ipv6 = count_family(route, NETADDR_IPV6);
    size_t half = limit / 2, room4 = limit, room6 = limit;

    if (limit == 0 || route->n <= limit)
        return;
    if (settings->balance_inet_protocols &&
        settings->address_preference == CLIENT_PREFER_ANY) {
        /* one family gets no more than what the other leaves of the limit, or half */
        room4 = limit - (ipv6 < half ? ipv6 : half);
        room6 = limit - (ipv4 < half ? ipv4 : half);
    }
    for (size_t i = 0; i < route->n && kept < limit; i++) {
        size_t *room = route->hosts[i].address.family == NETADDR_IPV4 ? &room4 : &room6;

        if (*room == 0)
            continue;
        --*room;
        route->hosts[kept++] = route->hosts[i];
    }
    route->n = kept;
}

/* --- addresses -------------------------------------------------------------- */

static void warn(const struct search *search, const char *text)
{
    if (search->settings->warn)
        search->settings->warn(text);
}

static int fail(struct search *search, struct outcome failure)
{
    search->failure = failure;
    return -1;
}

static struct outcome lookup_failure(struct search *search,
                                     const struct dns_question *question)
{
    const char *status = dns_status_is_temporary(question->status) ? "4.4.3" : "5.4.4";

    if (question->status == DNS_FILTERED)
        status = "4.7.0";
    return outcome_make(search->arena, status, "%s",
                        dns_explain(question, search->arena));
}

static void add_host(struct search *search, const struct wanted *wanted,
                     const struct netaddr *address)
{
    struct route *route = &search->route;
    struct route_host *host;

    if (route->n == search->room) {
        size_t room = search->room * 2 + 8;
        struct route_host *hosts = arena_array(search->arena, room, sizeof *hosts);

        for (size_t i = 0; i < route->n; i++)
            hosts[i] = route->hosts[i];
        route->hosts = hosts;
        search->room = room;
    }
    host = &route->hosts[route->n++];
    *host = (struct route_host){wanted->name, *address, wanted->preference, wanted->rank};
    host->address.port = wanted->port;
}

/* "Could not find out" outweighs "there is none"; of equals the later counts. */
static void note_trouble(struct search *search, struct outcome trouble)
{
    if (search->trouble.text == NULL || trouble.result == OUTCOME_DEFERRED ||
        search->trouble.result != OUTCOME_DEFERRED)
        search->trouble = trouble;
}

/* A name that is an address needs no lookup. */
static void take_literal(struct search *search, struct wanted *wanted)
{
    struct netaddr address;

    if (!netaddr_parse(str_of(wanted->name), &address))
        return;
    wanted->done = true;
    if (protocols_has(search->settings->protocols, &address))
        add_host(search, wanted, &address);
    else
        /* compat: of a protocol that inet_protocols leaves out */
        note_trouble(search, outcome_make(search->arena, "5.4.4",
                                          "Name service error for %s: invalid host or "
                                          "domain name",
                                          wanted->name));
}

static void take_answer(struct search *search, const struct dns_question *question,
                        struct wanted *wanted)
{
    if (question->status != DNS_FOUND)
        note_trouble(search, lookup_failure(search, question));
    if (question->status == DNS_FOUND || dns_status_is_temporary(question->status))
        wanted->done = true;
    for (size_t i = 0; i < question->n; i++)
        add_host(search, wanted, &question->records[i].address);
}

/* Ask for the addresses of up to NAMES_AT_ONCE names, both families together. */
static void ask_for_some(struct search *search, struct wanted *const *names, size_t n)
{
    struct dns_question *questions = arena_array(search->arena, 2 * n, sizeof *questions);
    struct wanted *of[2 * NAMES_AT_ONCE];
    size_t asked = 0;

    for (size_t i = 0; i < n; i++) {
        of[asked] = names[i];
        if (search->settings->protocols & PROTOCOL_IPV4)
            questions[asked++] =
                (struct dns_question){.name = names[i]->name, .type = DNS_A};
        of[asked] = names[i];
        if (search->settings->protocols & PROTOCOL_IPV6)
            questions[asked++] =
                (struct dns_question){.name = names[i]->name, .type = DNS_AAAA};
    }
    dns_ask(search->settings->resolver, questions, asked, search->arena);
    for (size_t i = 0; i < asked; i++)
        take_answer(search, &questions[i], of[i]);
}

static void find_by_dns(struct search *search, struct wanted *wanted, size_t n)
{
    struct wanted *batch[NAMES_AT_ONCE];
    size_t waiting = 0;

    for (size_t i = 0; i < n; i++) {
        if (!wanted[i].done)
            batch[waiting++] = &wanted[i];
        if (waiting == NAMES_AT_ONCE || (i + 1 == n && waiting > 0)) {
            ask_for_some(search, batch, waiting);
            waiting = 0;
        }
    }
}

static void find_native(struct search *search, struct wanted *wanted)
{
    struct netaddrs found = {0};
    struct fail why = {0};
    int result =
        endpoint_addresses(wanted->name, wanted->port, search->settings->protocols,
                           search->arena, &found, &why);

    wanted->done = result != 0;
    if (result <= 0) {
        /* compat: a name without an address has a code of its own */
        const char *never = why.code == EAI_NODATA ? "5.3.0" : "5.4.4";

        note_trouble(search, outcome_make(search->arena, result < 0 ? "4.4.3" : never,
                                          "unable to look up host %s: %s", wanted->name,
                                          why.text[0] ? why.text : "host not found"));
    }
    for (size_t i = 0; i < found.n; i++)
        add_host(search, wanted, &found.items[i]);
}

/* The addresses of the names, in the ways of smtp_host_lookup and in their order. */
static void find_addresses(struct search *search, struct wanted *wanted, size_t n)
{
    const enum client_lookup *ways = search->settings->host_lookup;

    for (size_t i = 0; i < n; i++)
        take_literal(search, &wanted[i]);
    for (size_t way = 0; way < COUNT(search->settings->host_lookup); way++) {
        if (ways[way] == CLIENT_LOOKUP_DNS)
            find_by_dns(search, wanted, n);
        for (size_t i = 0; i < n && ways[way] == CLIENT_LOOKUP_NATIVE; i++)
            if (!wanted[i].done)
                find_native(search, &wanted[i]);
    }
}

/* --- loops -------------------------------------------------------------------- */

/*
 * Drop ourselves and every host that is not better: it would send the mail
 * back to us (RFC 5321 section 5.1). True when we are among the hosts.
 */
static bool drop_self_and_worse(const struct interfaces *own, uint16_t port,
                                struct route *route)
{
    bool found = false;
    unsigned limit = 0;
    size_t kept = 0;

    for (size_t i = 0; i < route->n; i++) {
        if (route->hosts[i].address.port != port ||
            !interfaces_has(own, &route->hosts[i].address))
            continue;
        if (!found || route->hosts[i].preference < limit)
            limit = route->hosts[i].preference;
        found = true;
    }
    for (size_t i = 0; found && i < route->n; i++)
        if (route->hosts[i].preference < limit)
            route->hosts[kept++] = route->hosts[i];
    if (found)
        route->n = kept;
    return found;
}

/* best: the least preference of all exchangers, with addresses or not. */
static int check_loop(struct search *search, unsigned best)
{
    const struct destination *destination = search->destination;
    unsigned nearest = UINT32_MAX;

    if (search->settings->lmtp)
        return 0;
    for (size_t i = 0; i < search->route.n; i++)
        if (search->route.hosts[i].preference < nearest)
            nearest = search->route.hosts[i].preference;
    search->route.ours = drop_self_and_worse(&search->settings->own,
                                             destination->usual_port, &search->route);
    if (!search->route.ours || search->route.n > 0)
        return 0;
    if (best < nearest)
        return fail(search, outcome_make(search->arena, "4.4.4",
                                         "unable to find primary relay for %s",
                                         destination->domain));
    search->route.loops = true;
    return fail(search,
                outcome_make(search->arena, "5.4.6", "mail for %s loops back to myself",
                             destination->domain));
}

/* --- one host ------------------------------------------------------------------- */

static int find_host(struct search *search)
{
    struct wanted host = {.name = search->destination->domain,
                          .port = search->destination->port};

    find_addresses(search, &host, 1);
    return search->route.n > 0 ? check_loop(search, 0) : fail(search, search->trouble);
}

/* --- mail exchangers --------------------------------------------------------------- */

/* compat: "." beside other exchangers counts too, though RFC 7505 wants it alone. */
static bool is_null_mx(const struct dns_question *mx)
{
    for (size_t i = 0; i < mx->n; i++)
        if (mx->records[i].target[0] == '\0')
            return true;
    return false;
}

/* *ret_best is the least preference. */
static void list_exchangers(struct search *search, const struct dns_question *mx,
                            struct wanted *wanted, unsigned *ret_best)
{
    struct netaddr unused;

    *ret_best = UINT32_MAX;
    for (size_t i = 0; i < mx->n; i++) {
        const char *name = mx->records[i].target;

        wanted[i] = (struct wanted){.name = name,
                                    .preference = mx->records[i].preference,
                                    .port = search->destination->port};
        if (wanted[i].preference < *ret_best)
            *ret_best = wanted[i].preference;
        if (netaddr_parse(str_of(name), &unused))
            warn(search, arena_printf(search->arena,
                                      "numeric domain name in resource data of MX record "
                                      "for %s: %s",
                                      search->destination->domain, name));
    }
}

/* kind: of the records that named the hosts, "MX" or "SRV". */
static int no_host_has_address(struct search *search, const char *kind)
{
    struct outcome trouble = search->trouble;

    warn(search,
         arena_printf(search->arena, "no %s host for %s has a valid address record", kind,
                      search->destination->domain));
    if (trouble.result == OUTCOME_BOUNCED &&
        search->settings->defer_if_no_mx_address_found)
        trouble = outcome_make(search->arena, "4.4.4", "%s", trouble.text);
    return fail(search, trouble);
}

static int use_exchangers(struct search *search, const struct dns_question *mx)
{
    struct wanted *wanted = arena_array(search->arena, mx->n, sizeof *wanted);
    unsigned best;

    if (is_null_mx(mx))
        return fail(search, outcome_make(search->arena, "5.1.0",
                                         "Domain %s does not accept mail (nullMX)",
                                         search->destination->domain));
    list_exchangers(search, mx, wanted, &best);
    find_addresses(search, wanted, mx->n);
    if (search->route.n == 0)
        return no_host_has_address(search, "MX");
    return check_loop(search, best);
}

static int find_exchangers(struct search *search)
{
    struct dns_question *mx = ARENA_NEW(search->arena, struct dns_question);
    bool may_ignore;

    *mx = (struct dns_question){.name = search->destination->domain, .type = DNS_MX};
    dns_ask_one(search->settings->resolver, mx, search->arena);
    may_ignore =
        search->settings->ignore_mx_lookup_error && !dns_status_is_of_filter(mx->status);
    if (mx->status == DNS_FOUND)
        return use_exchangers(search, mx);
    if (mx->status == DNS_BAD_NAME ||
        (dns_status_is_temporary(mx->status) && !may_ignore))
        return fail(search, lookup_failure(search, mx));
    return find_host(search);
}

/* --- services ------------------------------------------------------------------------
 */

static int use_services(struct search *search, const struct dns_question *srv)
{
    struct wanted *wanted = arena_array(search->arena, srv->n, sizeof *wanted);

    if (srv->n == 1 && srv->records[0].target[0] == '\0')
        return fail(search, outcome_make(search->arena, "5.1.0",
                                         "Domain %s does not offer the service %s",
                                         search->destination->domain,
                                         search->destination->service));
    services_sort(srv->records, srv->n, search->settings->randomize_addresses);
    for (size_t i = 0; i < srv->n; i++)
        wanted[i] = (struct wanted){.name = srv->records[i].target,
                                    .preference = srv->records[i].preference,
                                    .rank = (unsigned)i,
                                    .port = srv->records[i].port};
    find_addresses(search, wanted, srv->n);
    if (search->route.n == 0)
        return no_host_has_address(search, "SRV");
    return check_loop(search, srv->records[0].preference);
}

/* What is to be done when there are no records, by what the administrator wants. */
static int find_without_services(struct search *search, const struct dns_question *srv)
{
    bool failed = dns_status_is_temporary(srv->status);
    bool go_on = failed ? search->settings->srv_fallback_if_failed
                        : search->settings->srv_fallback_if_none;

    if (!go_on || dns_status_is_of_filter(srv->status))
        return fail(search, lookup_failure(search, srv));
    return search->destination->use_mx ? find_exchangers(search) : find_host(search);
}

static int find_services(struct search *search)
{
    const struct destination *destination = search->destination;
    struct dns_question *srv = ARENA_NEW(search->arena, struct dns_question);

    *srv = (struct dns_question){
        .name = services_name(destination->service, destination->domain, search->arena),
        .type = DNS_SRV};
    dns_ask_one(search->settings->resolver, srv, search->arena);
    return srv->status == DNS_FOUND ? use_services(search, srv)
                                    : find_without_services(search, srv);
}

int route_find(const struct client_settings *settings,
               const struct destination *destination, struct arena *arena,
               struct route *ret, struct outcome *ret_failure)
{
    struct search search = {
        .settings = settings, .destination = destination, .arena = arena};
    int result = 0;

    if (destination->path != NULL)
        add_host(&search, &(struct wanted){.name = destination->path},
                 &(struct netaddr){0});
    else if (destination->service != NULL)
        result = find_services(&search);
    else if (destination->use_mx)
        result = find_exchangers(&search);
    else
        result = find_host(&search);
    ret->ours = search.route.ours;
    ret->loops = search.route.loops;
    if (result < 0) {
        *ret_failure = search.failure;
        return -1;
    }
    route_sort(settings, &search.route);
    route_limit(settings, &search.route);
    *ret = search.route;
    return 0;
}
