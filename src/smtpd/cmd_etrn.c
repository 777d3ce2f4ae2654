/*
 * ETRN (RFC 1985): a site that was away asks for its mail. Only what flush
 * remembers for it is tried, and only for sites that fast_flush_domains has: anybody
 * may ask, so the whole queue is not looked through.
 */
#include "mail/address.h"
#include "queue/flush.h"
#include "smtpd/old_default.h"
#include "smtpd/session.h"
#include "util/log.h"

/* "@domain" and "#queue" have a meaning of their own elsewhere; here they are names. */
static const char *site_of(struct session *session, struct str argument)
{
    argument = str_trim(argument);
    if (str_starts(argument, "@") || str_starts(argument, "#"))
        argument = str_tail(argument, 1);
    return arena_copy_str(session->command, argument);
}

static bool site_is_valid(struct str site)
{
    return str_starts(site, "[") ? address_literal_is_valid(site)
                                 : address_domain_is_valid(site);
}

static void start_delivery(struct session *session, const char *site)
{
    struct fail why;
    int served = match_domain(session->server->fast_flush_domains, str_of(site), &why);

    if (served > 0 && flush_site(session->conf, site, &why) == 0) {
        old_default_flushes(session, site);
        session_reply(session, REPLY_ETRN_OK);
        return;
    }
    if (served == 0) {
        log_warning("reject: ETRN %s... from %s", site, session->client_text);
        session_reply(session, REPLY_ETRN_NOT_SERVED, site);
        return;
    }
    log_warning("%s", why.text);
    log_warning("unable to talk to fast flush service");
    session_reply(session, REPLY_ETRN_FAILED);
}

void answer_etrn(struct session *session, struct str argument)
{
    const char *site = site_of(session, argument);

    if (session->conf->smtpd_helo_required && !session->helo)
        session_reply(session, REPLY_ETRN_NEED_HELO);
    else if (session->transaction.open)
        session_reply(session, REPLY_ETRN_IN_MAIL);
    else if (site[0] == '\0' || str_find_any(str_of(site), " \t") < strlen(site))
        session_reply(session, REPLY_ETRN_SYNTAX);
    else if (!site_is_valid(str_of(site)))
        session_reply(session, REPLY_ETRN_BAD_DOMAIN);
    else if (session->server->process->stand_alone) /* a user has postqueue */
        session_reply(session, REPLY_ETRN_NOT_SERVED, site);
    else if (!restrict_etrn(session, site))
        start_delivery(session, site);
}
