/*
 * One master an instance: two files that it keeps locked for life.
 */
#ifndef MASTER_LOCK_H
#define MASTER_LOCK_H

#include "conf/conf.h"
#include "util/attributes.h"
#include "util/fail.h"

#define LOCK_PID_FILE "pid/master.pid" /* below the queue directory */

/*
 * Lock pid/master.pid and $data_directory/master.lock and write our pid into
 * them. The working directory is the queue directory. The descriptors stay
 * open until the process ends.
 */
int lock_take(const struct conf *conf, struct fail *why) MUST_CHECK;

/* Does another master hold the lock? */
bool lock_is_held(void);

#endif
