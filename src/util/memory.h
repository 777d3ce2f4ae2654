/*
 * Heap memory for objects with a lifetime of their own; what lives together
 * belongs in an arena. Out of memory ends the process with a log line, so
 * nothing here returns NULL. Release with free().
 */
#ifndef UTIL_MEMORY_H
#define UTIL_MEMORY_H

#include <stddef.h>
#include <stdlib.h>

/* Zeroed; the product is checked for overflow. count may be 0. what: for the log line,
 * "stream". */
void *memory_new(size_t count, size_t size, const char *what);
#define MEMORY_NEW(type) ((type *)memory_new(1, sizeof(type), #type))

#endif
