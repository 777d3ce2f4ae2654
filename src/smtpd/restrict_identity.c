/*
 * Restrictions on who a client has proven to be by AUTH (RFC 4954). As long as that is
 * not offered, nobody has proven anything: what permits on proof permits nobody, what
 * wants proof refuses.
 */
#include "smtpd/restrict.h"

#include "util/log.h"

enum verdict restrict_permit_sasl_authenticated(struct judge *judge,
                                                const struct argument *argument)
{
    (void)judge, (void)argument;
    return VERDICT_DUNNO;
}

enum verdict restrict_check_sasl_access(struct judge *judge,
                                        const struct argument *argument)
{
    (void)judge, (void)argument;
    return VERDICT_DUNNO;
}

/* compat: where nobody can log in, addresses have no owners. */
static enum verdict need_login(struct judge *judge, const char *restriction)
{
    const struct session *session = judge->session;
    const char *sender = session->transaction.sender;
    struct address_query query = {session->server->sender_login_maps,
                                  ADDRESS_MAPS_REWRITING, &session->server->site.rules};
    struct address_match match;
    struct fail why;

    if (!session->conf->smtpd_sasl_auth_enable) {
        log_warning("restriction `%s' ignored: no SASL support", restriction);
        return VERDICT_DUNNO;
    }
    if (!sender || !*sender)
        return VERDICT_DUNNO;
    switch (address_lookup(&query, str_of(sender), session->command, &match, &why)) {
    case TABLE_NOT_FOUND:
        return VERDICT_DUNNO;
    case TABLE_FOUND:
        return refuse_text(judge, 553, "5.7.1",
                           "<%s>: Sender address rejected: not logged in", sender);
    default:
        return refuse_lookup(judge, sender, &why);
    }
}

enum verdict restrict_reject_sender_login_mismatch(struct judge *judge,
                                                   const struct argument *argument)
{
    (void)argument;
    return need_login(judge, "reject_sender_login_mismatch");
}

enum verdict restrict_reject_known_sender_login_mismatch(struct judge *judge,
                                                         const struct argument *argument)
{
    (void)argument;
    return need_login(judge, "reject_known_sender_login_mismatch");
}

enum verdict
restrict_reject_unauthenticated_sender_login_mismatch(struct judge *judge,
                                                      const struct argument *argument)
{
    (void)argument;
    return need_login(judge, "reject_unauthenticated_sender_login_mismatch");
}

enum verdict
restrict_reject_authenticated_sender_login_mismatch(struct judge *judge,
                                                    const struct argument *argument)
{
    (void)argument;
    if (!judge->session->conf->smtpd_sasl_auth_enable)
        log_warning(
            "restriction `reject_authenticated_sender_login_mismatch' ignored: no "
            "SASL support");
    return VERDICT_DUNNO;
}
