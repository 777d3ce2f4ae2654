/* TLS towards a server: STARTTLS (RFC 3207), or from the first byte on. */
#ifndef CLIENT_STARTTLS_H
#define CLIENT_STARTTLS_H

#include "client/session.h"

/* With smtp_tls_wrappermode, begin TLS before the greeting; else nothing happens. */
enum session_end starttls_wrap(struct session *session, struct outcome *ret_failure);

/*
 * After EHLO: begin TLS when the policy and the server have it so; then *ret_again =
 * true: hello is to be said again, for all that the server said in the clear is
 * forgotten.
 */
enum session_end starttls_begin(struct session *session, bool *ret_again,
                                struct outcome *ret_failure);

#endif
