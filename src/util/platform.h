/*
 * What differs between operating systems, gathered so that no other file
 * needs an #ifdef.
 */
#ifndef UTIL_PLATFORM_H
#define UTIL_PLATFORM_H

#include "util/attributes.h"
#include "util/fail.h"

#include <stddef.h>
#include <stdint.h>

/* n random bytes from the system, never blocking once it is up; ends the process when
 * there are none. */
void platform_random(void *p, size_t n);

/* Close every descriptor from `first` up. */
void platform_close_from(int first);

/* Anonymous shared memory of n bytes, zeroed, close-on-exec; `name` shows in /proc. The
 * descriptor, or -1. */
int platform_shared_memory(const char *name, size_t n, struct fail *why) MUST_CHECK;

#endif
