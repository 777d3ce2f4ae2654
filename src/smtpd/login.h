/*
 * Logging in (RFC 4954): which clients may, and by which mechanisms. The talk itself is
 * in cmd_auth.c; who is asked is src/sasl's matter.
 */
#ifndef SMTPD_LOGIN_H
#define SMTPD_LOGIN_H

#include "sasl/auth_server.h"
#include "smtpd/session.h"

/* Before the jail: the implementation and tables of smtpd_sasl_*. */
int login_set_up(struct server *server, struct fail *why) MUST_CHECK;

/* May this client say AUTH now? */
bool login_is_enabled(const struct session *session);

/* "PLAIN LOGIN", or NULL when nothing is to be announced; in the command arena. */
const char *login_mechanisms(struct session *session);

/* The client's mechanism by its usual name, or NULL with *ret_unsure: true when it can't
 * be found out whether it may be used. */
const char *login_mechanism(struct session *session, struct str name, bool *ret_unsure);

/* Who asks, for auth_begin. */
struct auth_client_facts login_facts(struct session *session);

/* What a client said before TLS began doesn't count within (RFC 3207 section 4.2). */
void login_forget(struct session *session);

#endif
