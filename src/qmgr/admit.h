/* A queue file becomes an active message. */
#ifndef QMGR_ADMIT_H
#define QMGR_ADMIT_H

#include "qmgr/manager.h"

enum admit_flags {
    ADMIT_FRESH = 1, /* cleanup has just told of it: it has no logs of earlier attempts */
    ADMIT_ANY_TIME = 2, /* also when its time has not come */
    ADMIT_FLUSH = 4,    /* $defer_transports do not count for it this time */
};

enum admission {
    ADMIT_TAKEN,   /* it is active, or already over */
    ADMIT_SKIPPED, /* not there, not complete, not due, damaged, or active already */
    ADMIT_LOCKED,  /* an agent of an earlier queue manager still has it */
};

/* Take the message of that id out of incoming or deferred. The caller knows that there
 * is room. */
enum admission admit(struct manager *manager, const char *queue, const char *id,
                     unsigned flags);

#endif
