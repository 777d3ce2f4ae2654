/*
 * How much one client may do: counts kept by anvil(8), compared with the
 * smtpd_client_*_limit parameters here. Clients of
 * $smtpd_client_event_limit_exceptions are neither limited nor counted, and
 * without any limit nobody is.
 */
#ifndef SMTPD_LIMITS_H
#define SMTPD_LIMITS_H

#include "smtpd/session.h"

/* At the start and the end of a session. True: too many connections, and the client has
 * its 421. */
bool limits_connect(struct session *session);
void limits_disconnect(struct session *session);

/* MAIL, RCPT or VRFY, before its address is looked at. True: too much, and the client has
 * its 450. */
bool limits_exceeded(struct session *session, enum client_event event);

#endif
