/* table/cache.c: entries of a cache, in memory and in tables. */
#include "unit.h"

#include "conf/conf.h"
#include "table/cache.h"

#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/test_cache.XXXXXX";

static const char *const kinds[] = {"", "btree", "hash"};

static struct cache *open_kind(const char *kind, const struct conf *conf,
                               struct arena *arena)
{
    const char *name = *kind ? arena_printf(arena, "%s:%s/%s", kind, folder, kind) : "";
    struct cache *cache = NULL;
    struct fail why;

    if (cache_open(conf, name, arena, &cache, &why) < 0)
        fail_msg("%s: %s", name, why.text);
    return cache;
}

static const char *get(struct cache *cache, const char *key, struct arena *arena)
{
    const char *value = NULL;
    struct fail why = {0};

    if (cache_get(cache, key, arena, &value, &why) == TABLE_ERROR)
        fail_msg("%s: %s", cache_name(cache), why.text);
    return value ? value : "";
}

static void put(struct cache *cache, const char *key, const char *value)
{
    struct fail why;

    if (cache_put(cache, key, value, &why) < 0)
        fail_msg("%s: %s", cache_name(cache), why.text);
}

static bool is_bad(void *context, const char *value)
{
    (void)context;
    return strcmp(value, "bad") == 0;
}

static void try_kind(const char *kind, const struct conf *conf)
{
    struct arena *arena = arena_new("test");
    struct cache *cache = open_kind(kind, conf, arena);
    struct cache_counts counts;
    struct fail why = {0};

    ROW_TEXT(kind, get(cache, "joe", arena), "");
    put(cache, "joe", "good");
    put(cache, "JOE", "bad");
    put(cache, "jo", "bad");
    put(cache, "jo", "bad");
    put(cache, "ann", "better");
    put(cache, "ann", "best");
    ROW_TEXT(kind, get(cache, "joe", arena), "good");
    ROW_TEXT(kind, get(cache, "JOE", arena), "bad");
    ROW_TEXT(kind, get(cache, "ann", arena), "best");
    ROW_INT(kind, cache_cleaned(cache), 0);
    if (cache_clean(cache, is_bad, NULL, 1234567, &counts, &why) < 0)
        fail_msg("%s: %s", kind, why.text);
    ROW_INT(kind, counts.retained, 2);
    ROW_INT(kind, counts.dropped, 2);
    ROW_TEXT(kind, get(cache, "JOE", arena), "");
    if (*kind) { /* what is on the disk */
        cache_close(cache);
        cache = open_kind(kind, conf, arena);
    }
    ROW_TEXT(kind, get(cache, "joe", arena), "good");
    ROW_INT(kind, cache_cleaned(cache), 1234567);
    if (cache_clean(cache, is_bad, NULL, 1234568, &counts, &why) < 0)
        fail_msg("%s: %s", kind, why.text);
    ROW_INT(kind, counts.retained, 2);
    ROW_INT(kind, counts.dropped, 0);
    cache_close(cache);
    arena_free(arena);
}

static void entries_last_until_they_are_old(void **state)
{
    struct conf *conf = *state;

    for (size_t i = 0; i < ROWS(kinds); i++)
        try_kind(kinds[i], conf);
}

static void what_cannot_be_written_is_no_cache(void **state)
{
    static const char *const bad[] = {"texthash:/x", "btree:/none/x", "nothing",
                                      "static:x"};
    struct arena *arena = arena_new("test");
    struct cache *cache;
    struct fail why;

    for (size_t i = 0; i < ROWS(bad); i++)
        ROW_INT(bad[i], cache_open(*state, bad[i], arena, &cache, &why), -1);
    arena_free(arena);
}

static int set_up(void **state)
{
    static const char *const overrides[] = {
        "shlib_directory=" PLUGINS, "meta_directory=" PLUGINS, "mail_owner=root", NULL};
    const struct conf_options options = {
        .program = "verify", .defaults_only = true, .overrides = overrides};
    struct fail why;

    *state = conf_load(&options, &why);
    if (!*state)
        fail_msg("%s", why.text);
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const suffixes[] = {"btree.db", "hash.db"};
    char path[200];

    for (size_t i = 0; i < ROWS(suffixes); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, suffixes[i]);
        unlink(path);
    }
    conf_free(*state);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_last_until_they_are_old),
        cmocka_unit_test(what_cannot_be_written_is_no_cache),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
