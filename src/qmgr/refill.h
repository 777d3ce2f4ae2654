/*
 * How many recipients come into memory at a time: big mailings stay in their
 * queue files for the most part, and are read as the work on them goes on.
 */
#ifndef QMGR_REFILL_H
#define QMGR_REFILL_H

#include "qmgr/message.h"

/* Of a transport: its parameters of that name. */
struct refill_rules {
    size_t limit; /* recipients in memory at the transport */
    size_t extra; /* on top of it, for messages that have less than this in memory */
    size_t least; /* so many at a time */
    int delay;    /* after so many seconds, fewer will do */
};

/* How many recipients of a new message to read; never 0. */
size_t refill_first(const struct manager *manager);
/* How many more to read of a message that was read in part; 0 = none now. */
size_t refill_more(const struct message *message);

#endif
