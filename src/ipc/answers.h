/*
 * Answers of trivial-rewrite that are young enough to be used again.
 *
 * trivial-rewrite looks once a second whether its tables have changed, so an
 * answer of the last second is as good as a new one, and costs no wake-ups.
 */
#ifndef IPC_ANSWERS_H
#define IPC_ANSWERS_H

#include "ipc/messages.h"
#include "util/str.h"

#include <stdint.h>

struct answers;

struct answers *answers_new(void);
void answers_free(struct answers *answers); /* NULL is fine */

/*
 * The answer to the question key (whatever tells questions apart), or NULL. It lives
 * until the next call. now_ms: a monotonic clock, the same in all calls.
 */
const struct resolved *answers_find(struct answers *answers, struct str key,
                                    int64_t now_ms);
/* Keep a copy of what was answered just now. Failures are worth asking again. */
void answers_keep(struct answers *answers, struct str key, const struct resolved *answer,
                  int64_t now_ms);

#endif
