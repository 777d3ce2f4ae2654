/* proxymap: what requests are answered. */
#include "unit.h"

#include "proxymap/proxymap.h"
#include "util/buf.h"
#include "util/log.h"

#include <stdlib.h>
#include <unistd.h>

struct bench {
    struct arena *arena;
    struct conf *conf;
    struct proxymap proxymap;
    struct buf log;
};

static void note(void *context, enum log_level level, const char *text)
{
    struct bench *bench = context;

    (void)level;
    buf_printf(&bench->log, "%s\n", text);
}

/* settings: lines of main.cf, NULL at the end. */
static struct bench *bench_new(bool may_change, const char *const *settings)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct texts all = {0};
    struct conf_options options = {.program = "proxymap", .defaults_only = true};
    struct fail why;

    bench->arena = arena_new("test");
    texts_add(&all, bench->arena, "shlib_directory=" PLUGINS);
    for (size_t i = 0; settings[i]; i++)
        texts_add(&all, bench->arena, settings[i]);
    options.overrides = all.items;
    buf_init(&bench->log, 1 << 16);
    log_divert(note, bench);
    bench->conf = conf_load(&options, &why);
    if (bench->conf == NULL)
        fail_msg("%s", why.text);
    proxymap_init(&bench->proxymap, bench->conf, may_change, bench->arena);
    return bench;
}

static void bench_free(struct bench *bench)
{
    proxymap_done(&bench->proxymap);
    conf_free(bench->conf);
    arena_free(bench->arena);
    buf_done(&bench->log);
    log_divert(NULL, NULL);
    free(bench);
}

/* --- requests
 * --------------------------------------------------------------------------- */

static const struct {
    const char *table, *key;
    enum lookup_status status;
    const char *value;
} lookups[] = {
    {"inline:{a=1}", "a", LOOKUP_FOUND, "1"},
    {"inline:{a=1}", "A", LOOKUP_FOUND, "1"},
    {"inline:{a=1}", "b", LOOKUP_NONE, ""},
    {"fail:x", "a", LOOKUP_RETRY, "table fail:x: lookup error by request"},
    {"hash:/none/none", "a", LOOKUP_RETRY,
     "hash:/none/none is unavailable. open database /none/none.db: No such file or "
     "directory"},
    {"inline:{a=2}", "a", LOOKUP_DENIED, ""},
    {"unix:group.byname", "root", LOOKUP_DENIED, ""},
};

static void allowed_tables_are_asked_and_others_refused(void **state)
{
    static const char *const settings[] = {
        "virtual_alias_maps=proxy:inline:{a=1}, proxy:fail:x, proxy:hash:/none/none",
        NULL};
    struct bench *bench = bench_new(false, settings);

    (void)state;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < ROWS(lookups); i++) {
            struct lookup question = {.table = lookups[i].table, .key = lookups[i].key};
            struct looked_up answer;

            proxymap_lookup(&bench->proxymap, &question, bench->arena, &answer);
            ROW_INT(lookups[i].table, answer.status, lookups[i].status);
            ROW_TEXT(lookups[i].table, answer.value, lookups[i].value);
        }
    assert_non_null(
        strstr(bench->log.p, "request for unapproved table: \"unix:group.byname\"\n"));
    assert_non_null(strstr(bench->log.p,
                           "to approve this table for read-only access, list "
                           "proxy:unix:group.byname in main.cf:proxy_read_maps\n"));
    bench_free(bench);
}

static int64_t now_ms;

static int64_t tell_ms(const struct clock *clock)
{
    (void)clock;
    return now_ms;
}

static enum lookup_status ask(struct bench *bench, const char *table, const char *key)
{
    struct lookup question = {.table = table, .key = key};
    struct looked_up answer;

    proxymap_lookup(&bench->proxymap, &question, bench->arena, &answer);
    return answer.status;
}

/* A table that is there, goes, and comes again: each of the three times. */
static void answers_are_remembered_for_their_time(void **state)
{
    static const struct clock clock = {.monotonic_ms = tell_ms};
    static const char *const settings[] = {"virtual_alias_maps=proxy:environ:x",
                                           "proxymap_cache_time=10",
                                           "proxymap_cache_negative_time=5", NULL};
    struct bench *bench = bench_new(false, settings);

    (void)state;
    bench->proxymap.clock = &clock;
    now_ms = 1000;
    setenv("POSTERN_A", "1", 1);
    unsetenv("POSTERN_B");
    assert_int_equal(ask(bench, "environ:x", "POSTERN_A"), LOOKUP_FOUND);
    assert_int_equal(ask(bench, "environ:x", "POSTERN_B"), LOOKUP_NONE);
    unsetenv("POSTERN_A");
    setenv("POSTERN_B", "1", 1);
    assert_int_equal(ask(bench, "environ:x", "POSTERN_A"), LOOKUP_FOUND);
    assert_int_equal(ask(bench, "environ:x", "POSTERN_B"), LOOKUP_NONE);
    now_ms += 5000;
    assert_int_equal(ask(bench, "environ:x", "POSTERN_A"), LOOKUP_FOUND);
    assert_int_equal(ask(bench, "environ:x", "POSTERN_B"), LOOKUP_FOUND);
    now_ms += 5000;
    assert_int_equal(ask(bench, "environ:x", "POSTERN_A"), LOOKUP_NONE);
    bench_free(bench);
}

static void a_table_that_fails_is_stood_in_for(void **state)
{
    static const struct clock clock = {.monotonic_ms = tell_ms};
    char path[] = "/tmp/postern-stale-XXXXXX", table[60], setting[100];
    const char *const settings[] = {setting, "proxymap_cache_time=10",
                                    "proxymap_cache_stale_time=20", NULL};
    int fd = mkstemp(path);
    struct bench *bench;

    (void)state;
    assert_int_equal(write(fd, "a 1\n", 4), 4);
    close(fd);
    snprintf(table, sizeof(table), "texthash:%s", path);
    snprintf(setting, sizeof(setting), "virtual_alias_maps=proxy:%s", table);
    bench = bench_new(false, settings);
    bench->proxymap.clock = &clock;
    assert_int_equal(ask(bench, table, "a"), LOOKUP_FOUND);
    unlink(path);
    tables_free(bench->proxymap.tables);
    bench->proxymap.tables = tables_new(bench->conf);
    now_ms += 29000;
    assert_int_equal(ask(bench, table, "a"), LOOKUP_FOUND);
    assert_non_null(strstr(bench->log.p, "answered as it was before"));
    assert_int_equal(ask(bench, table, "b"), LOOKUP_RETRY);
    now_ms += 1000;
    assert_int_equal(ask(bench, table, "a"), LOOKUP_RETRY);
    bench_free(bench);
}

static void a_full_cache_forgets_what_is_not_asked_for(void **state)
{
    const struct cache_times times = {10, 10, 5};
    struct cache *cache = cache_new(&times, 10);
    const char *value;
    char key[20];

    (void)state;
    cache_put(cache, STR("kept"), "1", 0);
    cache_put(cache, STR("lost"), NULL, 0);
    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof(key), "%d", i);
        cache_put(cache, str_of(key), "x", 0);
        assert_int_equal(cache_get(cache, STR("kept"), 9, &value), CACHE_FRESH);
    }
    assert_string_equal(value, "1");
    assert_int_equal(cache_get(cache, STR("lost"), 9, &value), CACHE_UNKNOWN);
    assert_int_equal(cache_get(cache, STR("kept"), 10, &value), CACHE_STALE);
    assert_int_equal(cache_get(cache, STR("kept"), 15, &value), CACHE_UNKNOWN);
    cache_free(cache);
    assert_null(cache_new(&(struct cache_times){0, 0, 5}, 10));
}

static void entries_are_changed_where_that_is_allowed(void **state)
{
    char directory[] = "/tmp/postern-proxywrite-XXXXXX", setting[200], table[100],
         command[100];
    const char *settings[] = {setting, NULL};
    struct table_change_entry entry = {.table = table, .key = "Key", .value = "one"};
    struct lookup question = {.table = table, .key = "key"};
    struct looked_up answer;
    struct bench *bench;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(table, sizeof(table), "btree:%s/cache", directory);
    snprintf(setting, sizeof(setting), "proxy_write_maps=proxy:%s", table);
    bench = bench_new(true, settings);

    /* a cache that is not there yet is empty */
    proxymap_lookup(&bench->proxymap, &question, bench->arena, &answer);
    assert_int_equal(answer.status, LOOKUP_NONE);
    proxymap_update(&bench->proxymap, &entry, bench->arena, &answer);
    assert_int_equal(answer.status, LOOKUP_FOUND);
    proxymap_lookup(&bench->proxymap, &question, bench->arena, &answer);
    assert_int_equal(answer.status, LOOKUP_FOUND);
    assert_string_equal(answer.value, "one");
    proxymap_delete(&bench->proxymap, &entry, bench->arena, &answer);
    assert_int_equal(answer.status, LOOKUP_FOUND);
    proxymap_delete(&bench->proxymap, &entry, bench->arena, &answer);
    assert_int_equal(answer.status, LOOKUP_NONE);

    entry.table = "btree:/tmp/other";
    proxymap_update(&bench->proxymap, &entry, bench->arena, &answer);
    assert_int_equal(answer.status, LOOKUP_DENIED);
    assert_int_equal(access("/tmp/other.db", F_OK), -1);
    bench_free(bench);
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allowed_tables_are_asked_and_others_refused),
        cmocka_unit_test(answers_are_remembered_for_their_time),
        cmocka_unit_test(a_table_that_fails_is_stood_in_for),
        cmocka_unit_test(a_full_cache_forgets_what_is_not_asked_for),
        cmocka_unit_test(entries_are_changed_where_that_is_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
