/*
 * RCPT TO (RFC 5321 section 4.1.1.3): decides whether to take the recipient,
 * and on the first one that is taken opens the queue file in cleanup.
 */
#include "mail/path.h"
#include "smtpd/address.h"
#include "smtpd/envelope.h"
#include "smtpd/filters.h"
#include "smtpd/limits.h"
#include "smtpd/old_default.h"
#include "smtpd/options.h"
#include "smtpd/session.h"

/* 452 leaves the rest of the recipients to a later session (RFC 5321 section 4.5.3.1.10).
 */
static bool too_many(struct session *session)
{
    struct transaction *transaction = &session->transaction;
    const struct conf *conf = session->conf;

    if (transaction->recipients < (unsigned)conf->smtpd_recipient_limit)
        return false;
    session_reply(session, REPLY_TOO_MANY_RCPTS);
    if (transaction->overshoot++ < (unsigned)conf->smtpd_recipient_overshoot_limit)
        session->failed = false; /* many clients just send on: no error yet */
    else
        session_trouble(session, TROUBLE_POLICY);
    return true;
}

void answer_rcpt(struct session *session, struct str argument)
{
    struct transaction *transaction = &session->transaction;
    struct path path;
    struct options options;
    const char *recipient;

    if (!str_starts_nocase(argument, "TO:") || str_trim(str_tail(argument, 3)).n == 0) {
        session_reply(session, REPLY_RCPT_SYNTAX);
        return;
    }
    if (limits_exceeded(session, CLIENT_RECIPIENT))
        return;
    if (!smtp_address(session, "RCPT", str_tail(argument, 3),
                      envelope_path_flags(session), &path)) {
        session_reply(session, REPLY_BAD_RECIPIENT);
        return;
    }
    if (!options_take(session, OPTION_RCPT, path.rest, &options) || too_many(session))
        return;
    recipient = arena_copy_str(transaction->arena, path.address);
    old_default_takes(session, "recipient", recipient);
    if (restrict_recipient(session, recipient)) {
        filters_tell_refused(session, recipient, path.rest);
        return;
    }
    if (filters_refuse_recipient(session, recipient, path.rest) ||
        !envelope_recipient(session, recipient, &options))
        return;
    if (transaction->recipients++ == 0)
        transaction->recipient = recipient;
    session_reply(session, REPLY_RECIPIENT_OK);
}
