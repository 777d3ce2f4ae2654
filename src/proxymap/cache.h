/*
 * Answers that proxymap remembers for a while: found, not found, and, when a table
 * fails, what it said last.
 */
#ifndef PROXYMAP_CACHE_H
#define PROXYMAP_CACHE_H

#include "util/str.h"

#include <stdint.h>

struct cache;

struct cache_times {
    int64_t found_ms;    /* how long an answer holds; 0 = nothing is remembered */
    int64_t negative_ms; /* the same for "not found" */
    int64_t stale_ms;    /* how much longer it may stand in for an error */
};

/* At most size answers are kept, those used last. NULL when nothing is to be remembered.
 */
struct cache *cache_new(const struct cache_times *times, size_t size);
void cache_free(struct cache *cache); /* NULL is fine */

enum cache_age { CACHE_UNKNOWN, CACHE_FRESH, CACHE_STALE };

/* *ret_value is NULL for "not found"; it lives until the next call. */
enum cache_age cache_get(struct cache *cache, struct str key, int64_t now_ms,
                         const char **ret_value);
/* value: NULL = not found. */
void cache_put(struct cache *cache, struct str key, const char *value, int64_t now_ms);

#endif
