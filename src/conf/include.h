/* conf.d: settings in files of their own beside main.cf, for packages and tools. */
#ifndef CONF_INCLUDE_H
#define CONF_INCLUDE_H

#include "conf/settings.h"

/* The paths of directory/conf.d/NAME.cf, in the order in which they are read. */
int include_files(const char *directory, struct arena *arena, struct texts *ret,
                  struct fail *why) MUST_CHECK;

/*
 * Read directory/conf.d/NAME.cf, in the order of names (as bytes), into *settings: a
 * later file wins over an earlier one, and over what *settings holds. Names that
 * begin with "." are left out; without a folder conf.d there is nothing to read.
 * On failure *settings stays as it was.
 */
int include_read(const char *directory, struct arena *arena, struct settings *settings,
                 struct texts *warnings, struct fail *why) MUST_CHECK;

#endif
