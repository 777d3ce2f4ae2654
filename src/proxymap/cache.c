/*
 * Two maps, the younger and the older half: a full younger one becomes the
 * older, which goes. What is found in the older moves over, so that what is asked
 * for stays.
 */
#include "proxymap/cache.h"

#include "util/log.h"
#include "util/map.h"

#include <stdlib.h>

struct entry {
    int64_t until_ms;
    bool found;
    char value[];
};

struct cache {
    struct cache_times times;
    size_t half;
    struct map *young, *old;
};

struct cache *cache_new(const struct cache_times *times, size_t size)
{
    struct cache *cache;

    if (size == 0 || (times->found_ms == 0 && times->negative_ms == 0))
        return NULL;
    cache = malloc(sizeof(*cache));
    if (!cache)
        panic("out of memory");
    *cache = (struct cache){*times, (size + 1) / 2, map_new(), map_new()};
    return cache;
}

void cache_free(struct cache *cache)
{
    if (!cache)
        return;
    map_free(cache->young, free);
    map_free(cache->old, free);
    free(cache);
}

static void keep(struct cache *cache, struct str key, struct entry *entry)
{
    if (map_count(cache->young) >= cache->half && !map_get(cache->young, key)) {
        map_free(cache->old, free);
        cache->old = cache->young;
        cache->young = map_new();
    }
    free(map_set(cache->young, key, entry));
}

static struct entry *find(struct cache *cache, struct str key)
{
    struct entry *entry = map_get(cache->young, key);

    if (!entry && (entry = map_remove(cache->old, key)))
        keep(cache, key, entry);
    return entry;
}

enum cache_age cache_get(struct cache *cache, struct str key, int64_t now_ms,
                         const char **ret_value)
{
    const struct entry *entry = find(cache, key);

    if (!entry || now_ms >= entry->until_ms + cache->times.stale_ms)
        return CACHE_UNKNOWN;
    *ret_value = entry->found ? entry->value : NULL;
    return now_ms < entry->until_ms ? CACHE_FRESH : CACHE_STALE;
}

void cache_put(struct cache *cache, struct str key, const char *value, int64_t now_ms)
{
    int64_t time_ms = value ? cache->times.found_ms : cache->times.negative_ms;
    size_t n = value ? strlen(value) + 1 : 1;
    struct entry *entry = malloc(sizeof(*entry) + n);

    if (!entry)
        panic("out of memory");
    entry->until_ms = now_ms + time_ms;
    entry->found = value != NULL;
    memcpy(entry->value, value ? value : "", n);
    free(map_remove(cache->old, key));
    keep(cache, key, entry);
}
