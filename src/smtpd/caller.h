/* Who the client of a session is. */
#ifndef SMTPD_CALLER_H
#define SMTPD_CALLER_H

#include "smtpd/session.h"

/* Fill in the session's names and texts of the client. */
void caller_name(struct session *session);
/* Which networks, exceptions and tables of clients it belongs to. */
void caller_classify(struct session *session);

#endif
