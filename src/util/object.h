/*
 * Shared objects that are loaded on demand: code of ours that needs an outside library
 * which most processes do without.
 *
 * Whoever can write such a file runs code as root, so it must be root's, or that of the
 * user who runs us, and so must all folders above it.
 */
#ifndef UTIL_OBJECT_H
#define UTIL_OBJECT_H

#include "util/fail.h"

#include <sys/stat.h>

/* The object at path when it is loaded already, whatever has become of its file, else
 * NULL. */
void *object_find(const char *path);

/* Load the object at path, for as long as the process lives. NULL with why. */
void *object_load(const char *path, struct fail *why);

/* May nobody but root and ourselves have written the file that st tells about? */
int object_check_owner(const char *path, const struct stat *st,
                       struct fail *why) MUST_CHECK;

#endif
