/*
 * Questions to trivial-rewrite: where does mail for this address go? All go
 * out at once, answers come as events. The same question is asked once while
 * its answer is young; an answer is no older than what trivial-rewrite itself
 * allows its tables to be.
 */
#ifndef QMGR_RESOLVER_H
#define QMGR_RESOLVER_H

#include "ipc/messages.h"
#include "qmgr/manager.h"

struct resolver *resolver_new(struct manager *manager);
void resolver_free(struct resolver *resolver); /* questions are forgotten */

/*
 * Call answered(context, ...) once, maybe before this returns. The texts of the
 * question are copied; those of the answer live during the call. When
 * trivial-rewrite is away, the answer comes when it is back. Questions go out with
 * resolver_send.
 */
void resolver_ask(struct resolver *resolver, const struct resolve *question,
                  void (*answered)(void *context, const struct resolved *answer),
                  void *context);
/* Send what was asked. */
void resolver_send(struct resolver *resolver);

#endif
