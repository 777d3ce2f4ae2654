/* Giving up what a daemon does not need: directory, root, rights. */
#ifndef SERVICE_JAIL_H
#define SERVICE_JAIL_H

#include "util/attributes.h"
#include "util/fail.h"

#include <stdbool.h>

/*
 * chroot to directory when jail is set (the working directory is its root
 * then), and become user for good when drop is set and we are root. Either
 * without root: nothing to give up.
 */
int jail_enter(const char *directory, bool jail, const char *user, bool drop,
               struct fail *why) MUST_CHECK;

#endif
