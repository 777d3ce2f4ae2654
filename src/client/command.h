/* The two commands of a transaction that carry something. They are left in the stream. */
#ifndef CLIENT_COMMAND_H
#define CLIENT_COMMAND_H

#include "client/transaction.h"

void command_mail(struct session *session, const struct transaction *transaction);
void command_rcpt(struct session *session, const struct transaction_recipient *recipient);

#endif
