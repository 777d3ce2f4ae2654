/*
 * permit_mx_backup: does the DNS name this host as a mail exchanger of the recipient's
 * domain, though not as the first? Then the domain's owner wants us to keep its mail
 * while the first one is away.
 *
 * Anybody may publish such records, so that permit_mx_backup_networks says where first
 * exchangers must stand. What cannot be looked up permits nothing, and what would be
 * refused for it is refused for now.
 */
#include "smtpd/restrict.h"

#include "mail/address.h"
#include "smtpd/host_addresses.h"
#include "table/match.h"
#include "util/log.h"

static enum verdict not_known_now(struct judge *judge, const char *what,
                                  const char *reason)
{
    refuse_text(judge, 450, "4.4.4",
                "<%s>: Recipient address rejected: Unable to look up %s: %s",
                judge->recipient, what, reason);
    return refuse_later(judge, &judge->if_reject);
}

static bool is_this_host(const struct judge *judge, const struct host_addresses *host)
{
    const struct site *site = &judge->session->server->site;

    for (size_t i = 0; i < host->n; i++)
        if (interfaces_has(&site->interfaces, &host->addresses[i]) ||
            interfaces_has(&site->proxies, &host->addresses[i]))
            return true;
    return false;
}

/* Does permit_mx_backup_networks have the host with all its addresses? 1, 0, -1. */
static int is_trusted(const struct judge *judge, const char *name,
                      const struct host_addresses *host, struct fail *why)
{
    struct match_list *networks = judge->session->server->backup_networks;

    for (size_t i = 0; i < host->n; i++) {
        char text[NETADDR_TEXT];
        int found = match_host(networks, str_of(name),
                               str_of(netaddr_text(&host->addresses[i], text)), why);

        if (found <= 0)
            return found;
    }
    return 1;
}

static uint16_t best_preference(const struct dns_question *mx)
{
    uint16_t best = UINT16_MAX;

    for (size_t i = 0; i < mx->n; i++)
        if (mx->records[i].preference < best)
            best = mx->records[i].preference;
    return best;
}

/* A host whose addresses nobody could tell now. */
struct unknown {
    const char *name; /* NULL: there was none */
    enum dns_status status;
};

/*
 * Is this host among the exchangers of the best preference, or else among the
 * others? One without an address is another host. False may be wrong when
 * *ret_unknown names a host.
 */
static bool is_among(const struct judge *judge, const struct dns_question *mx, bool first,
                     struct unknown *ret_unknown)
{
    uint16_t best = best_preference(mx);

    *ret_unknown = (struct unknown){NULL, DNS_FOUND};
    for (size_t i = 0; i < mx->n; i++) {
        struct host_addresses host;

        if ((mx->records[i].preference == best) != first)
            continue;
        host_addresses_look_up(judge->session, mx->records[i].target, &host);
        if (is_this_host(judge, &host))
            return true;
        if (host.n == 0 && dns_status_is_temporary(host.status))
            *ret_unknown = (struct unknown){mx->records[i].target, host.status};
    }
    return false;
}

static enum verdict host_not_known_now(struct judge *judge, const char *name,
                                       enum dns_status status)
{
    return not_known_now(
        judge, arena_printf(judge->session->command, "mail exchanger host %s", name),
        dns_status_text(status));
}

static enum verdict judge_first(struct judge *judge, const struct dns_question *mx)
{
    uint16_t best = best_preference(mx);

    if (match_list_empty(judge->session->server->backup_networks))
        return VERDICT_PERMIT;
    for (size_t i = 0; i < mx->n; i++) {
        const char *name = mx->records[i].target;
        struct host_addresses host;
        struct fail why;
        int trusted;

        if (mx->records[i].preference != best)
            continue;
        host_addresses_look_up(judge->session, name, &host);
        if (host.n == 0)
            return host_not_known_now(judge, name, host.status);
        trusted = is_trusted(judge, name, &host, &why);
        if (trusted < 0)
            return refuse_lookup(judge, judge->recipient, &why);
        if (!trusted)
            return VERDICT_DUNNO;
    }
    return VERDICT_PERMIT;
}

enum verdict restrict_permit_mx_backup(struct judge *judge,
                                       const struct argument *argument)
{
    enum verdict verdict = restrict_permit_auth_destination(judge, argument);
    struct dns_question mx = {.type = DNS_MX};
    struct unknown unknown;

    if (verdict != VERDICT_DUNNO || !judge->recipient ||
        (judge->resolution.flags & (RESOLVE_ROUTED | RESOLVE_ERROR)))
        return verdict;
    mx.name = arena_copy_str(judge->session->command,
                             address_split(str_of(judge->resolution.recipient)).domain);
    if (!dns_host_is_valid(mx.name)) /* an address literal, say */
        return VERDICT_DUNNO;
    dns_ask_one(judge->session->server->resolver, &mx, judge->session->command);
    if (dns_status_is_temporary(mx.status))
        return not_known_now(judge, "mail exchanger information",
                             dns_status_text(mx.status));
    if (mx.n == 0 || *mx.records[0].target == '\0') /* RFC 7505 */
        return VERDICT_DUNNO;
    /* Were we the first, such mail would come back to us. */
    if (is_among(judge, &mx, true, &unknown))
        return VERDICT_DUNNO;
    if (!is_among(judge, &mx, false, &unknown))
        return unknown.name ? host_not_known_now(judge, unknown.name, unknown.status)
                            : VERDICT_DUNNO;
    return judge_first(judge, &mx);
}
