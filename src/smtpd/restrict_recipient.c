/*
 * Restrictions on sender and recipient addresses: is the domain complete, does
 * mail for it end here. Whether the address is known: restrict_listed.c.
 *
 * The open-relay decision is made on the address as trivial-rewrite resolves
 * it, after its last rewrite (RESOLVE_ROUTED: with routing left inside).
 */
#include "smtpd/restrict.h"

#include "mail/address.h"
#include "smtpd/address.h"
#include "smtpd/old_default.h"

/* --- complete domains ------------------------------------------------------------- */

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

/* --- relaying --------------------------------------------------------------------- */

enum destination { DESTINATION_OURS, DESTINATION_FOREIGN, DESTINATION_UNKNOWN };

int restrict_resolve(struct judge *judge, struct fail *why)
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

    if (restrict_resolve(judge, why) < 0)
        return DESTINATION_UNKNOWN;
    if (!(resolved->flags & ours) || (resolved->flags & (RESOLVE_ROUTED | RESOLVE_ERROR)))
        return DESTINATION_FOREIGN;
    if (resolved->flags & RESOLVE_RELAY)
        old_default_relays_domain(judge->session, resolved->recipient);
    return DESTINATION_OURS;
}

bool restrict_is_authorized(struct judge *judge)
{
    struct fail why;

    return judge->recipient && destination_of(judge, &why) == DESTINATION_OURS;
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

/* compat: what both of permit_auth_destination and reject_unauth_destination do. */
enum verdict restrict_check_relay_domains(struct judge *judge,
                                          const struct argument *argument)
{
    enum verdict verdict;

    restrict_warn_once(judge, RESTRICTION_OLD_RELAY,
                       "support for restriction \"check_relay_domains\" will be removed "
                       "from Postfix; use \"reject_unauth_destination\" instead");
    verdict = restrict_permit_auth_destination(judge, argument);
    if (verdict != VERDICT_DUNNO || !judge->recipient)
        return verdict;
    return refuse(judge, judge->session->conf->relay_domains_reject_code, "5.7.1",
                  "Relay access denied");
}
