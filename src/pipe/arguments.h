/* The words of a command with its macros replaced. */
#ifndef PIPE_ARGUMENTS_H
#define PIPE_ARGUMENTS_H

#include "pipe/settings.h"

/*
 * Expand settings->argv for all recipients of the delivery that have no outcome yet: a
 * word with a macro of recipients ($recipient, $user ...) comes once for each. The result
 * ends with NULL. -1 with *why for a name that is no macro.
 *
 * Values are never looked at again: not for macros, and by no shell.
 */
int arguments_expand(const struct settings *settings, const struct delivery *delivery,
                     struct texts *ret, struct fail *why) MUST_CHECK;

#endif
