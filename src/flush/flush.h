/*
 * What the files of flush share: the logs below flush/, one a site, and
 * handing messages back to the queue manager.
 */
#ifndef FLUSH_FLUSH_H
#define FLUSH_FLUSH_H

#include "conf/conf.h"
#include "queue/spool.h"
#include "util/arena.h"

#include <stdbool.h>

struct flusher {
    const struct conf *conf;
    struct spool spool;
    struct arena *arena; /* of one request; its owner resets it */
    bool moved;          /* messages came into incoming: qmgr is to be told */
};

/* Remember that the message waits for the site. */
int log_add(struct flusher *flusher, const char *site, const char *queue_id,
            struct fail *why) MUST_CHECK;
/* Retry all that waits for the site, and forget it. No log is no failure. */
int log_send(struct flusher *flusher, const char *site, struct fail *why) MUST_CHECK;

/* For the wakeup: retry what nobody asked for in $fast_flush_refresh_time; remove what is
 * empty for $fast_flush_purge_time. */
void log_refresh_all(struct flusher *flusher);

/* Deferred -> incoming, due now, its dead destinations forgotten. 1, 0 = it is not
 * deferred (any more), -1. */
int message_retry(struct flusher *flusher, const char *queue_id,
                  struct fail *why) MUST_CHECK;

#endif
