/* The services that keep the bounce, defer and trace logs, as agents use them. */
#ifndef DELIVER_LOGS_H
#define DELIVER_LOGS_H

#include "deliver/deliver.h"

/*
 * Add what happened to a recipient to one of the logs of the message. action:
 * as in a delivery status notification ("delayed"). 0 = it is on disk. The
 * connection lasts until logs_close.
 */
int logs_append(struct delivery *delivery, enum delivery_log which,
                const struct delivery_recipient *recipient, const struct outcome *outcome,
                const char *action, struct fail *why) MUST_CHECK;
void logs_close(struct delivery *delivery);

#endif
