/*
 * Finds messages in incoming/ and deferred/: when told to, when the queue
 * manager fell behind with notices, and deferred/ each $queue_run_delay. A few
 * files a step, so that deliveries go on while a long queue is looked through.
 */
#ifndef QMGR_SCANNER_H
#define QMGR_SCANNER_H

#include "qmgr/manager.h"

struct scanner *scanner_new(struct manager *manager);
void scanner_free(struct scanner *scanner);

enum scan_flags {
    SCAN_INCOMING = 1,
    SCAN_DEFERRED = 2,
    SCAN_ANY_TIME = 4, /* also what is not due */
    SCAN_FLUSH = 8,    /* forget what is dead, and $defer_transports for this time */
};
/* Look through queues from their start. */
void scanner_request(struct scanner *scanner, unsigned flags);
/* Bytes of a trigger: I incoming, D deferred, A any time, F flush, W wake-up. */
void scanner_trigger(struct scanner *scanner, struct str bytes);
/* A notice from cleanup. */
void scanner_notice(struct scanner *scanner, const char *id);
/* There is room in the active queue again. */
void scanner_resume(struct scanner *scanner);

/* What is in active/ and not in memory goes back to incoming/: at the start what the last
 * queue manager had, later what could not be moved on. */
int scanner_recover(struct manager *manager, struct fail *why) MUST_CHECK;

#endif
