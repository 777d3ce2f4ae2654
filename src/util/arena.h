/*
 * Memory with one lifetime, released all at once.
 *
 * Arenas are named by lifetime and passed as an argument: process
 * (configuration), session (one client), message (one transaction), request
 * (one IPC exchange). Out of memory ends the process with a log line, so
 * nothing here returns NULL.
 */
#ifndef UTIL_ARENA_H
#define UTIL_ARENA_H

#include "util/attributes.h"
#include "util/str.h"

#include <stdarg.h>

struct arena;

/* lifetime: a word for log lines, "session". Starts with no memory. */
struct arena *arena_new(const char *lifetime);
void arena_free(struct arena *arena); /* NULL is fine */
/* The same for one that held secrets: clears all its memory first. */
void arena_wipe(struct arena *arena);

/* Forget all that was allocated; one block is kept for reuse. */
void arena_reset(struct arena *arena);

/* Zeroed, aligned for any type. n may be 0. */
void *arena_alloc(struct arena *arena, size_t n);
#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
/* An array of count elements; the product is checked for overflow. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* NUL-terminated copies. */
char *arena_copy(struct arena *arena, const char *text); /* NULL stays NULL */
char *arena_copy_str(struct arena *arena, struct str s);
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
char *arena_vprintf(struct arena *arena, const char *format, va_list args)
    PRINTF_LIKE(2, 0);

/* Bytes handed out since the last reset, for tests and limits. */
size_t arena_used(const struct arena *arena);

#endif
