/* Option -D of daemons and master: a command of the administrator's that looks at the
 * process. */
#ifndef SERVICE_DEBUG_H
#define SERVICE_DEBUG_H

#include "conf/conf.h"

/*
 * Run $debugger_command with the shell and wait for it; what shall go on beside the
 * process it puts in the background itself ("gdb ... & sleep 5"). Says so when there is
 * no command.
 */
void debug_process(const struct conf *conf);

#endif
