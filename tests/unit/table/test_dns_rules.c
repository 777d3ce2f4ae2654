/* table/dns_rules.c: which records of DNS answers are ignored. */
#include "tables.h"

#include "table/dns_rules.h"

static int notes, warnings;

static void count_note(const char *text)
{
    (void)text;
    notes++;
}

static void count_warning(const char *text)
{
    (void)text;
    warnings++;
}

static const struct {
    const char *table, *record;
    int ignored, notes, warnings;
} rows[] = {
    {"", "a.test. 60 IN A 192.0.2.1", 0, 0, 0},
    {"pcre:{{/ IN A 192/ IGNORE}}", "a.test. 60 IN A 192.0.2.1", 1, 1, 0},
    {"pcre:{{/ IN A 192/ ignore old}}", "a.test. 60 IN A 192.0.2.1", 1, 1, 0},
    {"pcre:{{/^A[.]TEST/ IGNORE}}", "a.test. 60 IN A 192.0.2.1", 1, 1, 0},
    {"pcre:{{/ IN MX / IGNORE}}", "a.test. 60 IN A 192.0.2.1", 0, 0, 0},
    {"pcre:{{/ IN A / DROP}}", "a.test. 60 IN A 192.0.2.1", -1, 0, 1},
    {"fail:x", "a.test. 60 IN A 192.0.2.1", -1, 0, 1},
};

static void only_ignore_is_an_action(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tables *tables =
            tables_new_with(&(struct tables_options){.places = {PLUGINS, NULL}});
        struct dns_rules rules = {
            .maps = maps_open(tables, "smtp_dns_reply_filter", rows[i].table, 0),
            .note = count_note,
            .warn = count_warning,
        };

        notes = warnings = 0;
        ROW_INT(rows[i].table, dns_rules_ignore(&rules, rows[i].record, arena),
                rows[i].ignored);
        ROW_INT(rows[i].table, notes, rows[i].notes);
        ROW_INT(rows[i].table, warnings, rows[i].warnings);
        tables_free(tables);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_ignore_is_an_action),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
