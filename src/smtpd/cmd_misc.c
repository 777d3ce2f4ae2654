/* Commands of one line each: RSET, NOOP, VRFY, HELP, QUIT (RFC 5321 sections 4.1.1.5 to
 * 10), and those that are not offered. */
#include "smtpd/address.h"
#include "smtpd/limits.h"
#include "smtpd/restrict.h"
#include "smtpd/session.h"

void answer_rset(struct session *session, struct str argument)
{
    if (argument.n) {
        session_reply(session, REPLY_RSET_SYNTAX);
        return;
    }
    session_new_chapter(session);
    transaction_reset(session);
    session_reply(session, REPLY_OK);
}

void answer_noop(struct session *session, struct str argument)
{
    (void)argument; /* compat: any argument is ignored */
    session_reply(session, REPLY_OK);
}

void answer_vrfy(struct session *session, struct str argument)
{
    struct path path;

    if (session->conf->disable_vrfy_command)
        session_reply(session, REPLY_VRFY_DISABLED);
    else if (argument.n == 0)
        session_reply(session, REPLY_VRFY_SYNTAX, "");
    else if (limits_exceeded(session,
                             CLIENT_RECIPIENT)) /* as good as RCPT for guessing */
        return;
    else if (!smtp_address(session, "VRFY", argument, 0, &path))
        session_reply(session, REPLY_BAD_RECIPIENT);
    else if (!restrict_recipient(session, path.address.p))
        session_reply(session, REPLY_VRFY_OK, arena_copy_str(session->command, argument));
}

void answer_help(struct session *session, struct str argument)
{
    struct buf verbs;
    const struct command *command;

    (void)argument;
    buf_init(&verbs, 1000);
    for (size_t i = 0; (command = command_at(i)) != NULL; i++)
        if ((command->answer != answer_auth || session->server->auth) &&
            (command->answer != answer_starttls || session->server->wants_tls))
            buf_printf(&verbs, "%s%s", i ? " " : "", command->verb);
    session_reply(session, REPLY_HELP, buf_text(&verbs));
    buf_done(&verbs);
}

void answer_quit(struct session *session, struct str argument)
{
    (void)argument;
    session_reply(session, REPLY_BYE);
    session->quit = true;
}
