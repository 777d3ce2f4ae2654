/*
 * Starting processes and learning of their end.
 */
#ifndef MASTER_CHILDREN_H
#define MASTER_CHILDREN_H

#include "master/entry.h"

struct child {
    pid_t pid;
    struct crew *crew;
    uint32_t slot;
    int64_t started_ms;
};

/* Fork and execute one process for the entry, into its newest crew. */
int children_start(struct entry *entry, struct fail *why) MUST_CHECK;

/* Take note of all processes that have ended. */
void children_reap(struct master *master);

/* To all but those of the log service, which ends last. */
void children_signal(struct master *master, int signal);

#endif
