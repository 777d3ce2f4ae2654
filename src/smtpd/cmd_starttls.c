/* STARTTLS (RFC 3207): what comes behind it in the clear is dropped with the stream's
 * buffer, and what was said before is forgotten. */
#include "smtpd/login.h"
#include "smtpd/session_tls.h"

#include "util/log.h"

/* The reply to the command is not collected with others: the client waits for it. */
static void begin(struct session *session)
{
    session_reply(session, REPLY_TLS_READY);
    login_forget(session);
    session_start_request(session); /* the answer has time of its own */
    if (stream_flush(session->stream) == STREAM_OK)
        session_tls_begin(session);
    else
        session->quit = true;
}

void answer_starttls(struct session *session, struct str argument)
{
    if (argument.n)
        session_reply(session, REPLY_STARTTLS_SYNTAX);
    else if (session->tls)
        session_reply(session, REPLY_TLS_ACTIVE);
    else if (!session_tls_is_offered(session))
        session_reply(session, REPLY_NOT_IMPLEMENTED);
    else if (!session_tls_is_available(session->server))
        session_reply(session, REPLY_NO_TLS);
    else if (session_tls_is_refused(session, "STARTTLS"))
        session_reply(session, REPLY_TOO_MANY_TLS, session->client_text);
    else
        begin(session);
}
