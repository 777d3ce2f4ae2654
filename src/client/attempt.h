/*
 * One attempt to deliver a message: through its next hops and their hosts,
 * until every recipient has an outcome or nobody is left to ask.
 */
#ifndef CLIENT_ATTEMPT_H
#define CLIENT_ATTEMPT_H

#include "client/agent.h"

/*
 * Report every recipient of the delivery. Returns the session to keep for the
 * next message, or NULL; all others are closed.
 */
struct session *attempt_delivery(struct agent *agent, struct delivery *delivery);

#endif
