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
        cmocka_unit_test(entries_are_changed_where_that_is_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
