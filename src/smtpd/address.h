/* Addresses in SMTP commands, and where mail for them would go. */
#ifndef SMTPD_ADDRESS_H
#define SMTPD_ADDRESS_H

#include "mail/path.h"
#include "smtpd/session.h"

/*
 * Parse the path of MAIL, RCPT or VRFY into the command arena; flags as path_parse. False
 * when it is no address: that is logged here and answered by the caller.
 */
bool smtp_address(struct session *session, const char *verb, struct str text,
                  unsigned flags, struct path *ret);

/* For envelopes: what strict_rfc821_envelopes asks for. */
unsigned envelope_path_flags(const struct session *session);

/* Standard form (mail/rewrite.h) by this server's rules, in the command arena. */
const char *standard_form(struct session *session, const char *address);

/*
 * Ask trivial-rewrite where mail for this address goes, at most once a command
 * for the same address. -1 = could not ask, or a table failed: try again later.
 */
int resolve_address(struct session *session, const char *address, struct resolved *ret,
                    struct fail *why) MUST_CHECK;

#endif
