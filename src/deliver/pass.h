/* Handing recipients over to another delivery agent. */
#ifndef DELIVER_PASS_H
#define DELIVER_PASS_H

#include "deliver/deliver.h"

/*
 * Let the service of route ("transport" or "transport:nexthop") deliver to all
 * recipients that have no report yet, as if the queue manager had sent it; it
 * logs and marks them. 0 = it has answered for all; -1 = they still have no report.
 */
int delivery_pass(struct delivery *delivery, const char *route,
                  struct fail *why) MUST_CHECK;

#endif
