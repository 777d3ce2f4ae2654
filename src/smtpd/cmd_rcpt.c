/*
 * RCPT TO (RFC 5321 section 4.1.1.3): decides whether to take the recipient,
 * and on the first one that is taken opens the queue file in cleanup.
 */
#include "mail/path.h"
#include "smtpd/address.h"
#include "smtpd/envelope.h"
#include "smtpd/restrict.h"
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
    return true;
}

static bool take_options(struct session *session, struct str options)
{
    struct str word = str_word(&options, " \t");

    if (word.n == 0)
        return true;
    session_reply(session, REPLY_UNSUPPORTED, arena_copy_str(session->command, word));
    return false;
}

void answer_rcpt(struct session *session, struct str argument)
{
    struct transaction *transaction = &session->transaction;
    struct path path;
    const char *recipient;

    if (!str_starts_nocase(argument, "TO:")) {
        session_reply(session, REPLY_RCPT_SYNTAX);
        return;
    }
    if (!smtp_address(session, "RCPT", str_tail(argument, 3), 0, &path)) {
        session_reply(session, REPLY_BAD_RECIPIENT);
        return;
    }
    if (!take_options(session, path.rest) || too_many(session))
        return;
    recipient = arena_copy_str(transaction->arena, path.address);
    if (restrict_recipient(session, recipient) || !envelope_recipient(session, recipient))
        return;
    if (transaction->recipients++ == 0)
        transaction->recipient = recipient;
    session_reply(session, REPLY_RECIPIENT_OK);
}
