/* From what trivial-rewrite said about recipients to destinations. */
#ifndef QMGR_ASSIGN_H
#define QMGR_ASSIGN_H

#include "qmgr/message.h"

/* All targets of the batch are resolved: queue each for its destination. The message may
 * be gone afterwards. */
void assign_batch(struct batch *batch);
/*
 * Not now: the service "retry" tells the reason to the defer log and the mail
 * log, and the recipients stay in the queue file. reason lives in the batch's
 * arena. The message may be gone afterwards.
 */
void assign_to_retry(struct batch *batch, struct target **targets, size_t n,
                     const char *status, const char *reason);

#endif
