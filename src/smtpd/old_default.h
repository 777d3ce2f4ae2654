/*
 * Defaults that have changed since (compatibility_level): where an old one decides what
 * happens to mail, the log says so, so that the administrator can keep it by writing
 * it into main.cf, or raise the level.
 */
#ifndef SMTPD_OLD_DEFAULT_H
#define SMTPD_OLD_DEFAULT_H

#include "smtpd/restrict.h"

/* Which are in force; fills in server->old_defaults. */
void old_defaults_find(struct server *server);

/* relay_domains: mail for the domain of, or for an address of class relay is taken. */
void old_default_relays_domain(const struct session *session, const char *address);
void old_default_relays_address(const struct session *session, const char *address);
void old_default_flushes(const struct session *session, const char *domain);
/* mynetworks_style: the client is one of mynetworks. */
void old_default_permits(const struct session *session);
/* smtputf8_enable: whose: "sender" or "recipient". */
void old_default_takes(const struct session *session, const char *whose,
                       const char *address);
/* smtpd_relay_restrictions: would have refused the recipient. */
void old_default_passes(const struct session *session, const char *recipient);
/* smtpd_relay_before_recipient_restrictions: another list was first to refuse it. */
void old_default_refuses(const struct session *session, const char *recipient);

#endif
