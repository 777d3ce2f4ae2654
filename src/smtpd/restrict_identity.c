/*
 * Restrictions on who a client has proven to be by AUTH (RFC 4954), and on who may send
 * as whom.
 */
#include "smtpd/restrict.h"

#include "util/log.h"

enum verdict restrict_permit_sasl_authenticated(struct judge *judge,
                                                const struct argument *argument)
{
    (void)argument;
    return judge->session->sasl_username ? VERDICT_PERMIT : VERDICT_DUNNO;
}

/* --- owners of senders ------------------------------------------------------------ */

/* Is login one of the words? compat: letter case does not matter. */
static bool owns(struct str owners, const char *login)
{
    struct str word;

    while ((word = str_word(&owners, ", \t\r\n")).n > 0)
        if (str_is_nocase(word, login))
            return true;
    return false;
}

static enum verdict refuse_sender(struct judge *judge, const char *why)
{
    return refuse_text(judge, 553, "5.7.1", "<%s>: Sender address rejected: %s",
                       judge->session->transaction.sender, why);
}

/* Of one who has logged in. An address without owner belongs to nobody, so that he may
 * only use it when strangers may. */
static enum verdict judge_owner(struct judge *judge, bool owned, struct str owners,
                                bool strangers_may)
{
    const char *login = judge->session->sasl_username;

    if (owned ? owns(owners, login) : strangers_may)
        return VERDICT_DUNNO;
    return refuse_sender(
        judge, arena_printf(judge->session->command, "not owned by user %s", login));
}

enum whom { UNKNOWN = 1, LOGGED_IN = 2 };

/*
 * smtpd_sender_login_maps; whom: who is judged. compat: where nobody can log in,
 * addresses have no owners.
 */
static enum verdict judge_sender(struct judge *judge, int whom, bool unowned_is_free,
                                 const char *restriction)
{
    const struct session *session = judge->session;
    const char *sender = session->transaction.sender;
    struct address_query query = {session->server->sender_login_maps,
                                  ADDRESS_MAPS_REWRITING, &session->server->site.rules};
    struct address_match match;
    enum table_result result;
    struct fail why;

    if (!session->conf->smtpd_sasl_auth_enable) {
        log_warning("restriction `%s' ignored: no SASL support", restriction);
        return VERDICT_DUNNO;
    }
    if (!sender || !*sender || !(whom & (session->sasl_username ? LOGGED_IN : UNKNOWN)))
        return VERDICT_DUNNO;
    result = address_lookup(&query, str_of(sender), session->command, &match, &why);
    if (result == TABLE_ERROR)
        return refuse_lookup(judge, sender, &why);
    if (session->sasl_username)
        return judge_owner(judge, result == TABLE_FOUND, match.value, unowned_is_free);
    return result == TABLE_FOUND ? refuse_sender(judge, "not logged in") : VERDICT_DUNNO;
}

enum verdict restrict_reject_sender_login_mismatch(struct judge *judge,
                                                   const struct argument *argument)
{
    (void)argument;
    return judge_sender(judge, UNKNOWN | LOGGED_IN, false,
                        "reject_sender_login_mismatch");
}

enum verdict restrict_reject_known_sender_login_mismatch(struct judge *judge,
                                                         const struct argument *argument)
{
    (void)argument;
    return judge_sender(judge, UNKNOWN | LOGGED_IN, true,
                        "reject_known_sender_login_mismatch");
}

enum verdict
restrict_reject_unauthenticated_sender_login_mismatch(struct judge *judge,
                                                      const struct argument *argument)
{
    (void)argument;
    return judge_sender(judge, UNKNOWN, false,
                        "reject_unauthenticated_sender_login_mismatch");
}

enum verdict
restrict_reject_authenticated_sender_login_mismatch(struct judge *judge,
                                                    const struct argument *argument)
{
    (void)argument;
    return judge_sender(judge, LOGGED_IN, false,
                        "reject_authenticated_sender_login_mismatch");
}
