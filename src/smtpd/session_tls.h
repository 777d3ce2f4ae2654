/*
 * TLS towards clients: STARTTLS (RFC 3207), or from the first byte on
 * (smtpd_tls_wrappermode).
 *
 * Who the client has proven to be stands in session->tls, which is NULL in the clear.
 */
#ifndef SMTPD_SESSION_TLS_H
#define SMTPD_SESSION_TLS_H

#include "smtpd/session.h"

/* Before the jail: is TLS wanted, is it needed, and what it takes. What is wrong with
 * keys or certificates is logged, and STARTTLS will be answered with 454. */
int session_tls_set_up(struct server *server, struct fail *why) MUST_CHECK;

/* Have keys and certificates been found? */
bool session_tls_is_available(const struct server *server);

/* Are clients asked for certificates? */
bool session_tls_asks(const struct server *server);

/* Is STARTTLS announced to this client, and accepted from it? */
bool session_tls_is_offered(const struct session *session);

/* Has the client begun too many TLS sessions lately? That is logged; what: "STARTTLS". */
bool session_tls_is_refused(struct session *session, const char *what);

/* Shake hands. False: the session is at its end (session->quit), and nothing more is to
 * be said in the clear. */
bool session_tls_begin(struct session *session);

/* With smtpd_tls_wrappermode, begin before the greeting; else nothing happens. False: the
 * session is at its end. */
bool session_tls_wrap(struct session *session);

/* At the end of a session, say so to the other side. */
void session_tls_end(struct session *session);

/* "(using TLSv1.3 with ...)" and who the client is, for a Received: header: lines without
 * the tab in front of them, in arena. */
void session_tls_received(const struct session *session, struct arena *arena,
                          struct texts *ret);

#endif
