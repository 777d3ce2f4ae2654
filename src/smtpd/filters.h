/*
 * Mail filters of a session (smtpd_milters): what they are told, and their verdicts in
 * the log and as replies. Nothing here does anything when there are none.
 */
#ifndef SMTPD_FILTERS_H
#define SMTPD_FILTERS_H

#include "smtpd/session.h"

/* At the greeting. True: the client has been answered, and is not welcome. */
bool filters_connect(struct session *session);
/* At the goodbye. */
void filters_end(struct session *session);

/* The client has named itself. True: it has its answer. */
bool filters_refuse_helo(struct session *session);
/* Is nothing but a later refusal left for this client? */
bool filters_are_closed(const struct session *session);
/* MAIL and RCPT, after our own checks; parameters: what follows the address. True =
 * refused. */
bool filters_refuse_sender(struct session *session, struct str parameters);
bool filters_refuse_recipient(struct session *session, const char *recipient,
                              struct str parameters);
/* Our own checks have refused it: some filters want to know. */
void filters_tell_refused(struct session *session, const char *recipient,
                          struct str parameters);
bool filters_refuse_data(struct session *session);
/* A command that is not known. True: it has its answer. */
bool filters_refuse_unknown(struct session *session, struct str verb);

/* The filters that look at the content do so in cleanup: hand them over, before the last
 * record. */
void filters_hand_over(struct session *session);
/* The transaction is at its end. */
void filters_abort(struct session *session);

/* filter_macros.c: milter.h's macro(); context is the session. */
const char *filter_macro(void *context, const char *name);

#endif
