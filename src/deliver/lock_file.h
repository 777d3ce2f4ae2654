/* The lock file of a mailbox, PATH.lock: who could make it has the mailbox. */
#ifndef DELIVER_LOCK_FILE_H
#define DELIVER_LOCK_FILE_H

#include "conf/conf.h"
#include "util/attributes.h"
#include "util/fail.h"

/*
 * Make the lock file at path ("/var/mail/joe.lock"), waiting while another has it:
 * deliver_lock_attempts times deliver_lock_delay; one older than stale_lock_time is
 * taken away. 0, or -1: why->code is EEXIST when another kept it. Its maker unlinks it.
 */
int lock_file_make(const char *path, const struct conf *conf,
                   struct fail *why) MUST_CHECK;

#endif
