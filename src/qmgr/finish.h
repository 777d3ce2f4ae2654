/* What becomes of a message when each of its recipients has had its turn. */
#ifndef QMGR_FINISH_H
#define QMGR_FINISH_H

#include "qmgr/message.h"

/*
 * Have senders told of failures, then remove, return or defer the message. All
 * its recipients are settled. The message leaves memory, now or when the
 * reports are sent.
 */
void finish_message(struct message *message);

#endif
