/* Who the client of a session is. */
#ifndef SMTPD_CALLER_H
#define SMTPD_CALLER_H

#include "smtpd/session.h"

/*
 * With smtpd_upstream_proxy_protocol, take what the load balancer in front of us tells of
 * the client, before anything else. False: nothing that can be believed came, which is
 * logged.
 */
bool caller_is_told(struct session *session);
/* Fill in the session's names and texts of the client. */
void caller_name(struct session *session);
/* Which networks, exceptions and tables of clients it belongs to. */
void caller_classify(struct session *session);

#endif
