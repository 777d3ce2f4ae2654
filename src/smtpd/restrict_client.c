/*
 * Restrictions on the client, its HELO name and the way it speaks, and those
 * that only steer the evaluation.
 */
#include "smtpd/old_default.h"

#include "mail/address.h"
#include "net/interfaces.h"
#include "table/match.h"
#include "util/log.h"
#include "util/wait.h"

enum verdict restrict_permit(struct judge *judge, const struct argument *argument)
{
    (void)judge, (void)argument;
    return VERDICT_PERMIT;
}

enum verdict restrict_reject(struct judge *judge, const struct argument *argument)
{
    (void)argument;
    return refuse(judge, judge->session->conf->reject_code, "5.7.1", "Access denied");
}

enum verdict restrict_defer(struct judge *judge, const struct argument *argument)
{
    (void)argument;
    return refuse(judge, judge->session->conf->defer_code, "4.3.2", "Try again later");
}

enum verdict restrict_defer_if_permit(struct judge *judge,
                                      const struct argument *argument)
{
    (void)argument;
    refuse(judge, 450, "4.7.0", "defer_if_permit requested");
    return refuse_later(judge, &judge->if_permit);
}

enum verdict restrict_defer_if_reject(struct judge *judge,
                                      const struct argument *argument)
{
    (void)argument;
    refuse(judge, 450, "4.7.0", "defer_if_reject requested");
    return refuse_later(judge, &judge->if_reject);
}

enum verdict restrict_warn_if_reject(struct judge *judge, const struct argument *argument)
{
    (void)argument;
    judge->only_warn = true;
    return VERDICT_DUNNO;
}

enum verdict restrict_sleep(struct judge *judge, const struct argument *argument)
{
    int seconds;

    (void)judge;
    if (conf_time(argument->text, 's', &seconds))
        (void)!wait_any(NULL, 0, seconds * 1000L);
    return VERDICT_DUNNO;
}

enum verdict restrict_permit_mynetworks(struct judge *judge,
                                        const struct argument *argument)
{
    const struct session *session = judge->session;

    (void)argument;
    if (session->mynetworks_trouble.text[0])
        return refuse_lookup(judge, judge->subject.text, &session->mynetworks_trouble);
    if (!session->in_mynetworks)
        return VERDICT_DUNNO;
    old_default_permits(judge->session);
    return VERDICT_PERMIT;
}

/* Whether a table that fails would have permitted, nobody knows: later. */
enum verdict restrict_check_address_map(struct judge *judge,
                                        const struct argument *argument)
{
    const struct session *session = judge->session;
    struct fail why;
    int found = match_host(argument->hosts, str_of(session->client.name),
                           str_of(session->address), &why);

    if (found < 0) {
        log_warning("%s", why.text);
        judge->refusal.trouble = TROUBLE_DATA;
        return refuse_text(judge, 451, "4.3.0", "Temporary lookup error");
    }
    return found > 0 ? VERDICT_PERMIT : VERDICT_DUNNO;
}

enum verdict restrict_permit_inet_interfaces(struct judge *judge,
                                             const struct argument *argument)
{
    (void)argument;
    return interfaces_has(&judge->session->server->site.interfaces, &judge->session->peer)
               ? VERDICT_PERMIT
               : VERDICT_DUNNO;
}

enum verdict restrict_reject_unauth_pipelining(struct judge *judge,
                                               const struct argument *argument)
{
    struct session *session = judge->session;
    bool allowed = strcmp(session->protocol, "ESMTP") == 0 &&
                   strcmp(session->where, "DATA") != 0 &&
                   strcmp(session->where, "CONNECT") != 0;

    (void)argument;
    if (allowed || stream_buffered(session->stream).n == 0)
        return VERDICT_DUNNO;
    refuse(judge, 503, "5.5.0", "Improper use of SMTP command pipelining");
    judge->refusal.trouble = TROUBLE_PROTOCOL;
    return VERDICT_REJECT;
}

enum verdict restrict_reject_multi_recipient_bounce(struct judge *judge,
                                                    const struct argument *argument)
{
    const struct session *session = judge->session;
    const struct transaction *transaction = &session->transaction;
    unsigned recipients = transaction->recipients + (judge->stage < STAGE_DATA ? 1 : 0);

    (void)argument;
    if (!transaction->open || *transaction->sender || recipients <= 1)
        return VERDICT_DUNNO;
    return refuse(judge, session->conf->multi_recipient_bounce_reject_code, "5.5.3",
                  "Multi-recipient bounce");
}

/* --- the client's name ------------------------------------------------------------ */

enum verdict restrict_reject_unknown_client_hostname(struct judge *judge,
                                                     const struct argument *argument)
{
    const struct session *session = judge->session;
    enum client_name_status status = session->client.status;

    (void)argument;
    if (status == CLIENT_NAME_OK)
        return VERDICT_DUNNO;
    return refuse_text(
        judge,
        status == CLIENT_NAME_PERM ? session->conf->unknown_client_reject_code : 450,
        "4.7.25", "Client host rejected: cannot find your hostname, [%s]",
        session->address);
}

enum verdict
restrict_reject_unknown_reverse_client_hostname(struct judge *judge,
                                                const struct argument *argument)
{
    const struct session *session = judge->session;
    enum client_name_status status = session->client.reverse_status;

    (void)argument;
    if (status == CLIENT_NAME_OK)
        return VERDICT_DUNNO;
    return refuse_text(
        judge,
        status == CLIENT_NAME_PERM ? session->conf->unknown_client_reject_code : 450,
        "4.7.1", "Client host rejected: cannot find your reverse hostname, [%s]",
        session->address);
}

/* --- HELO ------------------------------------------------------------------------- */

enum verdict restrict_reject_invalid_helo_hostname(struct judge *judge,
                                                   const struct argument *argument)
{
    const struct session *session = judge->session;
    struct str name = str_of(session->helo ? session->helo : "");

    (void)argument;
    if (name.n == 0 || address_domain_is_valid(name) || address_literal_is_valid(name))
        return VERDICT_DUNNO;
    return refuse_text(judge, session->conf->invalid_hostname_reject_code, "5.5.2",
                       "<%s>: Helo command rejected: %s", session->helo,
                       str_starts(name, "[") ? "invalid ip address" : "Invalid name");
}

enum verdict restrict_reject_non_fqdn_helo_hostname(struct judge *judge,
                                                    const struct argument *argument)
{
    const struct session *session = judge->session;
    struct str name = str_of(session->helo ? session->helo : "");

    (void)argument;
    if (name.n == 0 || address_literal_is_valid(name) ||
        (address_domain_is_valid(name) && str_find(name, '.') < name.n))
        return VERDICT_DUNNO;
    return refuse_text(judge, session->conf->non_fqdn_reject_code, "5.5.2",
                       "<%s>: Helo command rejected: need fully-qualified hostname",
                       session->helo);
}

/* Whoever calls himself by an address was let in by this once; nobody is any more. */
enum verdict restrict_permit_naked_ip_address(struct judge *judge,
                                              const struct argument *argument)
{
    (void)argument;
    restrict_warn_once(judge, RESTRICTION_OLD_ADDRESS,
                       "restriction permit_naked_ip_address is deprecated. Use "
                       "permit_mynetworks or permit_sasl_authenticated instead");
    return VERDICT_DUNNO;
}
