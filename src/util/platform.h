/*
 * What differs between operating systems, gathered so that no other file
 * needs an #ifdef.
 */
#ifndef UTIL_PLATFORM_H
#define UTIL_PLATFORM_H

#include "util/attributes.h"
#include "util/fail.h"
#include "util/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* n random bytes from the system, never blocking once it is up; ends the process when
 * there are none. */
void platform_random(void *p, size_t n);

/* Give freed memory back to the system. It takes a walk through all of it. */
void platform_trim_memory(void);

/* Close every descriptor from `first` up. */
void platform_close_from(int first);

/* Anonymous shared memory of n bytes, zeroed, close-on-exec; `name` shows in /proc. Who
 * shares it cannot change its size: that would be SIGBUS for others. The descriptor, or
 * -1. */
int platform_shared_memory(const char *name, size_t n, struct fail *why) MUST_CHECK;

/* Anonymous memory that holds content and that nobody can change, close-on-exec. The
 * descriptor, or -1. */
int platform_sealed_memory(const char *name, struct str content,
                           struct fail *why) MUST_CHECK;
/* Is this such memory? */
bool platform_is_sealed(int fd);

/*
 * Take what was written to an eventfd; false when there was nothing. Never
 * waits, even when a process that shares the descriptor has made it blocking.
 */
bool platform_take_wake(int fd);

/* A descriptor that becomes readable when process pid ends; or -1. */
int platform_process_fd(pid_t pid);

/*
 * Block the signals of list (0 at the end) and return a descriptor that
 * becomes readable when one arrives; platform_take_signal then gives its
 * number, or 0 when there is none. Children undo it with platform_unblock_signals.
 */
int platform_signal_fd(const int *list, struct fail *why) MUST_CHECK;
int platform_take_signal(int fd);
void platform_unblock_signals(void);

#endif
