/*
 * Caches over a writer that is kept open (writer.h), or a map.
 */
#include "table/cache.h"

#include "table/writer.h"
#include "util/ids.h"
#include "util/map.h"
#include "util/memory.h"

#include <stdlib.h>
#include <unistd.h>

struct cache {
    const char *name;
    struct table_writer *writer; /* NULL = in memory */
    struct map *map;
};

/* --- opening ---------------------------------------------------------------------- */

/* A new table is made before it is opened for good: what a library has open should have
 * had its name from the start. */
static int make_table(const char *name, struct table_writer_options options,
                      struct fail *why)
{
    struct table_writer *writer;

    options.kept = false;
    if (table_writer_open(name, &options, &writer, why) < 0)
        return -1;
    return table_writer_finish(writer, why);
}

static int open_table(const struct conf *conf, struct cache *cache, struct arena *arena,
                      struct fail *why)
{
    struct table_writer_options options = {
        .places = table_places_of(conf),
        .conf = conf,
        .mode = TABLE_CHANGE,
        .duplicate = TABLE_REPLACE,
        .with_nul = -1,
        .no_fold = true,
        .file_mode = 0600,
        .in_place = true,
        .kept = true,
        .lmdb_map_size = (size_t)conf->lmdb_map_size,
        .proxywrite = arena_printf(arena, "private/%s", conf->proxywrite_service_name),
    };

    if (!str_starts(str_of(cache->name), "proxy:") &&
        make_table(cache->name, options, why) < 0)
        return -1;
    return table_writer_open(cache->name, &options, &cache->writer, why);
}

/* As root, as whom what is made belongs to mail_owner. */
static int open_as_owner(const struct conf *conf, struct cache *cache,
                         struct arena *arena, struct fail *why)
{
    struct user owner;
    struct fail restoring;
    int result;

    if (geteuid() != 0)
        return open_table(conf, cache, arena, why);
    if (user_by_name(conf->mail_owner, arena, &owner, why) <= 0 ||
        ids_become(owner.uid, owner.gid, why) < 0)
        return -1;
    result = open_table(conf, cache, arena, why);
    if (ids_restore(&restoring) < 0)
        return fail_set(why, "%s", restoring.text);
    return result;
}

int cache_open(const struct conf *conf, const char *name, struct arena *arena,
               struct cache **ret, struct fail *why)
{
    struct cache *cache = ARENA_NEW(arena, struct cache);

    cache->name = arena_copy(arena, name);
    if (*name == '\0')
        cache->map = map_new();
    else if (open_as_owner(conf, cache, arena, why) < 0)
        return fail_prefix(why, "cache %s", name);
    *ret = cache;
    return 0;
}

void cache_close(struct cache *cache)
{
    struct fail ignored;

    if (cache->map)
        map_free(cache->map, free);
    else if (table_writer_finish(cache->writer, &ignored) < 0)
        cache->writer = NULL; /* each change was on disk when it was made */
}

const char *cache_name(const struct cache *cache)
{
    return *cache->name ? cache->name : "in memory";
}

/* --- entries ---------------------------------------------------------------------- */

enum table_result cache_get(struct cache *cache, const char *key, struct arena *arena,
                            const char **ret_value, struct fail *why)
{
    struct str value;
    enum table_result result;

    if (cache->map) {
        const char *kept = map_get(cache->map, str_of(key));

        *ret_value = arena_copy(arena, kept);
        return kept ? TABLE_FOUND : TABLE_NOT_FOUND;
    }
    result = table_writer_get(cache->writer, str_of(key), arena, &value, why);
    if (result == TABLE_ERROR)
        return fail_prefix(why, "cache %s", cache->name);
    *ret_value = result == TABLE_FOUND ? arena_copy_str(arena, value) : NULL;
    return result;
}

int cache_put(struct cache *cache, const char *key, const char *value, struct fail *why)
{
    if (cache->map) {
        size_t size = strlen(value) + 1;

        free(map_set(cache->map, str_of(key),
                     memcpy(memory_new(size, 1, "cache entry"), value, size)));
        return 0;
    }
    if (table_writer_put(cache->writer, str_of(key), str_of(value), why) < 0)
        return fail_prefix(why, "cache %s", cache->name);
    return 0;
}

int cache_remove(struct cache *cache, const char *key, struct fail *why)
{
    if (cache->map) {
        free(map_remove(cache->map, str_of(key)));
        return 0;
    }
    if (table_writer_delete(cache->writer, str_of(key), why) < 0)
        return fail_prefix(why, "cache %s", cache->name);
    return 0;
}

/* --- cleaning --------------------------------------------------------------------- */

/* compat: an entry that is none. */
#define LAST_CLEANUP "_LAST_CACHE_CLEANUP_COMPLETED_"

struct cleaning {
    bool (*is_old)(void *context, const char *value);
    void *context;
    struct arena *arena;
    struct texts old;
    struct cache_counts counts;
};

static void judge(struct cleaning *cleaning, struct str key, const char *value)
{
    if (str_is(key, LAST_CLEANUP))
        return;
    if (cleaning->is_old(cleaning->context, value)) {
        texts_add(&cleaning->old, cleaning->arena, arena_copy_str(cleaning->arena, key));
        cleaning->counts.dropped++;
    } else
        cleaning->counts.retained++;
}

static void judge_kept(void *context, struct str key, void *value)
{
    judge(context, key, value);
}

static int judge_table(struct cache *cache, struct cleaning *cleaning, struct fail *why)
{
    struct arena *arena = arena_new("entry");
    enum table_result result;
    struct str key, value;

    for (bool first = true;; first = false) {
        arena_reset(arena);
        result = table_writer_next(cache->writer, first, arena, &key, &value, why);
        if (result != TABLE_FOUND)
            break;
        judge(cleaning, key, arena_copy_str(arena, value));
    }
    arena_free(arena);
    return result == TABLE_ERROR ? fail_prefix(why, "cache %s", cache->name) : 0;
}

int64_t cache_cleaned(struct cache *cache)
{
    struct arena *arena = arena_new("cleaning");
    unsigned long long last;
    const char *value;
    struct fail ignored;

    if (cache_get(cache, LAST_CLEANUP, arena, &value, &ignored) != TABLE_FOUND ||
        !str_number(str_of(value), INT64_MAX / 2, &last))
        last = 0;
    arena_free(arena);
    return (int64_t)last;
}

int cache_clean(struct cache *cache, bool (*is_old)(void *context, const char *value),
                void *context, int64_t now, struct cache_counts *ret, struct fail *why)
{
    struct cleaning cleaning = {is_old, context, arena_new("cleaning"), {0}, {0}};
    int result = 0;

    if (cache->map)
        map_each(cache->map, judge_kept, &cleaning);
    else
        result = judge_table(cache, &cleaning, why);
    for (size_t i = 0; result == 0 && i < cleaning.old.n; i++)
        result = cache_remove(cache, cleaning.old.items[i], why);
    if (result == 0)
        result = cache_put(cache, LAST_CLEANUP,
                           arena_printf(cleaning.arena, "%lld", (long long)now), why);
    *ret = cleaning.counts;
    arena_free(cleaning.arena);
    return result;
}
