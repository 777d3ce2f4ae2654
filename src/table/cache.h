/*
 * A cache: a table that one daemon reads and changes while it runs (address_verify_map,
 * postscreen_cache_map), or for want of one, memory.
 *
 * It is opened before the jail is entered, with the rights of mail_owner, and stays open.
 * Keys keep their case. A cache that fails costs what it knows, never more: callers go on
 * as if the key were not there.
 */
#ifndef TABLE_CACHE_H
#define TABLE_CACHE_H

#include "conf/conf.h"
#include "table/table.h"

struct cache;

/* name: "btree:/var/lib/postfix/verify_cache", "proxy:btree:..."; "" = in memory. A file
 * that does not exist is made. */
int cache_open(const struct conf *conf, const char *name, struct arena *arena,
               struct cache **ret, struct fail *why) MUST_CHECK;
void cache_close(struct cache *cache);
const char *cache_name(const struct cache *cache);

enum table_result cache_get(struct cache *cache, const char *key, struct arena *arena,
                            const char **ret_value, struct fail *why) MUST_CHECK;
/* One that is not there is no fault. */
int cache_remove(struct cache *cache, const char *key, struct fail *why) MUST_CHECK;
int cache_put(struct cache *cache, const char *key, const char *value,
              struct fail *why) MUST_CHECK;

struct cache_counts {
    size_t retained, dropped;
};

/*
 * Take out all that is_old tells of; it is asked about each entry. now, in seconds since
 * 1970, is remembered as the time of the last cleaning. -1: not to the end.
 */
int cache_clean(struct cache *cache, bool (*is_old)(void *context, const char *value),
                void *context, int64_t now, struct cache_counts *ret,
                struct fail *why) MUST_CHECK;
/* When that was; 0 = never. */
int64_t cache_cleaned(struct cache *cache);

#endif
