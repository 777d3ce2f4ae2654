/*
 * How much one client may do: counts kept by anvil(8), compared with the
 * smtpd_client_*_limit parameters here. Clients of
 * $smtpd_client_event_limit_exceptions are neither limited nor counted, and
 * without any limit nobody is.
 */
#ifndef SMTPD_LIMITS_H
#define SMTPD_LIMITS_H

#include "smtpd/session.h"

/* Once the client has a name: is it one that is counted? */
void limits_begin(struct session *session);

/* At the start and the end of a session. True: too many connections, and the client has
 * its 421. */
bool limits_connect(struct session *session);
void limits_disconnect(struct session *session);

/* Has it been too much already? Nothing is counted, logged or said. */
bool limits_reached(struct session *session, enum client_event event);

/* MAIL, RCPT, VRFY or AUTH, before what follows is looked at. True: too much, and the
 * client has its 450; or a new TLS session, and its 421. */
bool limits_exceeded(struct session *session, enum client_event event);

#endif
