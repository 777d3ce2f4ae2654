/* Other commands, run by ours. */
#ifndef COMMANDS_RUN_H
#define COMMANDS_RUN_H

#include "util/attributes.h"

/* Run a command, argv[0] looked up in PATH, and wait; its exit status, 1 when a signal
 * ended it. Ends the program when it cannot be started. */
int run_command(const char *const *argv);

/* Become the command; ends the program when that fails. */
void run_instead(const char *const *argv) NO_RETURN;

#endif
