/*
 * Restrictions on sender and recipient addresses: is the domain complete, does
 * mail for it end here, is the recipient known.
 *
 * The open-relay decision is made on the address as trivial-rewrite resolves
 * it, after its last rewrite (RESOLVE_ROUTED: with routing left inside).
 */
#include "smtpd/restrict.h"

#include "mail/address.h"
#include "smtpd/address.h"

/* --- complete domains -------------------------------------------------------------- */

static bool is_fully_qualified(const char *address)
{
    struct address parts = address_split(str_of(address));

    if (*address == '\0' || address_literal_is_valid(parts.domain))
        return true;
    return parts.domain.n && address_domain_is_valid(parts.domain) &&
           str_find(parts.domain, '.') < parts.domain.n;
}

static enum verdict need_fqdn(struct judge *judge, const char *address, const char *class)
{
    if (is_fully_qualified(address))
        return VERDICT_DUNNO;
    return refuse_text(judge, judge->session->conf->non_fqdn_reject_code, "5.5.2",
                       "<%s>: %s rejected: need fully-qualified address", address, class);
}

enum verdict restrict_reject_non_fqdn_sender(struct judge *judge,
                                             const struct argument *argument)
{
    const char *sender = judge->session->transaction.sender;

    (void)argument;
    return sender ? need_fqdn(judge, sender, "Sender address") : VERDICT_DUNNO;
}

enum verdict restrict_reject_non_fqdn_recipient(struct judge *judge,
                                                const struct argument *argument)
{
    (void)argument;
    /* RFC 5321 section 4.5.1: <postmaster> without a domain is always good. */
    if (!judge->recipient || str_is_nocase(str_of(judge->recipient), "postmaster"))
        return VERDICT_DUNNO;
    return need_fqdn(judge, judge->recipient, "Recipient address");
}

/* --- relaying
 * ---------------------------------------------------------------------------- */

enum destination { DESTINATION_OURS, DESTINATION_FOREIGN, DESTINATION_UNKNOWN };

/* Asked once for all restrictions of one evaluation. */
static int resolve_recipient(struct judge *judge, struct fail *why)
{
    if (judge->resolved)
        return 0;
    if (resolve_address(judge->session, judge->recipient, &judge->resolution, why) < 0)
        return -1;
    judge->resolved = true;
    return 0;
}

static enum destination destination_of(struct judge *judge, struct fail *why)
{
    const struct resolved *resolved = &judge->resolution;
    int ours =
        RESOLVE_LOCAL | RESOLVE_VIRTUAL_ALIAS | RESOLVE_VIRTUAL_MAILBOX | RESOLVE_RELAY;

    if (resolve_recipient(judge, why) < 0)
        return DESTINATION_UNKNOWN;
    if ((resolved->flags & ours) && !(resolved->flags & (RESOLVE_ROUTED | RESOLVE_ERROR)))
        return DESTINATION_OURS;
    return DESTINATION_FOREIGN;
}

static enum verdict deny_relay(struct judge *judge, int code)
{
    struct fail why;

    if (!judge->recipient)
        return VERDICT_DUNNO;
    switch (destination_of(judge, &why)) {
    case DESTINATION_OURS:
        return VERDICT_DUNNO;
    case DESTINATION_UNKNOWN:
        return refuse_lookup(judge, judge->recipient, &why);
    default:
        return refuse_text(judge, code, "5.7.1", "<%s>: Relay access denied",
                           judge->recipient);
    }
}

enum verdict restrict_reject_unauth_destination(struct judge *judge,
                                                const struct argument *argument)
{
    (void)argument;
    return deny_relay(judge, judge->session->conf->relay_domains_reject_code);
}

enum verdict restrict_defer_unauth_destination(struct judge *judge,
                                               const struct argument *argument)
{
    int code = judge->session->conf->relay_domains_reject_code;

    (void)argument;
    return deny_relay(judge, code / 100 == 5 ? code - 100 : code);
}

enum verdict restrict_permit_auth_destination(struct judge *judge,
                                              const struct argument *argument)
{
    struct fail why;

    (void)argument;
    if (!judge->recipient)
        return VERDICT_DUNNO;
    switch (destination_of(judge, &why)) {
    case DESTINATION_OURS:
        return VERDICT_PERMIT;
    case DESTINATION_UNKNOWN:
        return refuse_lookup(judge, judge->recipient, &why);
    default:
        return VERDICT_DUNNO;
    }
}

/* --- known recipients ----------------------------------------------------------------
 */

static enum table_result find(struct judge *judge, const struct maps *maps,
                              const char *address, struct fail *why)
{
    struct address_match match;

    return address_lookup(&(struct address_query){maps, ADDRESS_MAPS_REWRITING,
                                                  &judge->session->server->site.rules},
                          str_of(address), judge->session->command, &match, why);
}

/* The table that lists the recipients of a class, its words, and its code. */
struct listing {
    int class;
    const struct maps *maps;
    const char *name;
    int code;
};

static struct listing listing_of(const struct server *server, int flags)
{
    const struct conf *conf = server->conf;
    const struct listing listings[] = {
        {RESOLVE_LOCAL, server->local_recipient_maps, "local recipient table",
         conf->unknown_local_recipient_reject_code},
        {RESOLVE_VIRTUAL_ALIAS, server->virtual_alias_maps, "virtual alias table",
         conf->unknown_virtual_alias_reject_code},
        {RESOLVE_VIRTUAL_MAILBOX, server->virtual_mailbox_maps, "virtual mailbox table",
         conf->unknown_virtual_mailbox_reject_code},
        {RESOLVE_RELAY, server->relay_recipient_maps, "relay recipient table",
         conf->unknown_relay_recipient_reject_code},
    };

    for (size_t i = 0; i < COUNT(listings); i++)
        if (flags & listings[i].class)
            return listings[i];
    return (struct listing){0};
}

/* Addresses that a map changes are known by that alone. */
static enum table_result is_mapped(struct judge *judge, const char *address,
                                   struct fail *why)
{
    const struct server *server = judge->session->server;
    const struct maps *const maps[] = {server->recipient_canonical_maps,
                                       server->canonical_maps,
                                       server->virtual_alias_maps};

    for (size_t i = 0; i < COUNT(maps); i++) {
        enum table_result result = find(judge, maps[i], address, why);

        if (result != TABLE_NOT_FOUND)
            return result;
    }
    return TABLE_NOT_FOUND;
}

static enum verdict unknown_user(struct judge *judge, const struct listing *listing)
{
    const struct conf *conf = judge->session->conf;

    return refuse_text(judge, listing->code, "5.1.1",
                       "<%s>: Recipient address rejected: User unknown%s%s",
                       judge->recipient, conf->show_user_unknown_table_name ? " in " : "",
                       conf->show_user_unknown_table_name ? listing->name : "");
}

/* error: and retry: as the answer of the resolver are verdicts by themselves. */
static enum verdict judge_error_transport(struct judge *judge,
                                          const struct resolved *resolved)
{
    bool retry = strcmp(resolved->transport, "retry") == 0;
    struct status_split split;

    if (!retry &&
        strcmp(resolved->transport, judge->session->conf->error_service_name) != 0)
        return VERDICT_DUNNO;
    split = status_split(str_of(resolved->nexthop), retry ? "4.0.0" : "5.0.0");
    return refuse_text(judge, split.status[0] == '4' ? 450 : 550, split.status,
                       "<%s>: Recipient address rejected: %.*s", judge->recipient,
                       STR_ARG(split.text));
}

static bool is_system_address(const struct judge *judge, const char *address)
{
    struct address parts = address_split(str_of(address));

    return str_is_nocase(parts.local, judge->session->conf->double_bounce_sender);
}

enum verdict restrict_reject_unlisted_recipient(struct judge *judge,
                                                const struct argument *argument)
{
    const struct resolved *resolved = &judge->resolution;
    struct listing listing;
    struct fail why;
    enum table_result found;
    enum verdict verdict;

    (void)argument;
    if (!judge->recipient)
        return VERDICT_DUNNO;
    if (resolve_recipient(judge, &why) < 0)
        return refuse_lookup(judge, judge->recipient, &why);
    found = is_mapped(judge, resolved->recipient, &why);
    if (found == TABLE_ERROR)
        return refuse_lookup(judge, judge->recipient, &why);
    if (found == TABLE_FOUND || is_system_address(judge, resolved->recipient))
        return VERDICT_DUNNO;
    verdict = judge_error_transport(judge, resolved);
    if (verdict != VERDICT_DUNNO)
        return verdict;
    listing = listing_of(judge->session->server, (int)resolved->flags);
    if (listing.class != RESOLVE_VIRTUAL_ALIAS && maps_empty(listing.maps))
        return VERDICT_DUNNO;
    found = find(judge, listing.maps, resolved->recipient, &why);
    if (found == TABLE_ERROR)
        return refuse_lookup(judge, judge->recipient, &why);
    return found == TABLE_FOUND ? VERDICT_DUNNO : unknown_user(judge, &listing);
}
