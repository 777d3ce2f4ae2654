/* A warning about mail that fills the active queue. */
#ifndef QMGR_CLOG_H
#define QMGR_CLOG_H

#include "qmgr/manager.h"

/* The active queue is full. Says why, at most once each $qmgr_clog_warn_time. */
void clog_warn(struct manager *manager);

#endif
