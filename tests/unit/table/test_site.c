/* table/site.c: what is ours, for routing and for names without a domain in tables. */
#include "unit.h"

#include "conf/conf.h"
#include "table/site.h"

static const char *const settings[] = {
    "myorigin=origin.test",
    "mydestination=my.test, .sub.test, pcre:{{/^re[.]/ x}}",
    "inet_interfaces=127.0.0.1",
    "proxy_interfaces=192.0.2.7",
    "inet_protocols=ipv4",
    "recipient_delimiter=+",
    NULL,
};

static const struct {
    const char *domain;
    int local;    /* delivered here */
    int in_table; /* bare names stand for addresses in it */
} rows[] = {
    {"my.test", 1, 1},        {"MY.test", 1, 1},     {"x.sub.test", 1, 1},
    {"re.test", 1, 1},        {"origin.test", 0, 1}, {"[127.0.0.1]", 1, 1},
    {"[192.0.2.7]", 1, 1},    {"[192.0.2.8]", 0, 0}, {"127.0.0.1", 0, 0},
    {"elsewhere.test", 0, 0}, {"notmy.test", 0, 0},  {"", 0, 0},
};

static struct conf *load(void)
{
    struct conf_options options = {
        .program = "cleanup", .overrides = settings, .defaults_only = true};
    struct fail why;
    struct conf *conf = conf_load(&options, &why);

    if (!conf)
        fail_msg("%s", why.text);
    return conf;
}

static void knows_what_is_ours(void **state)
{
    struct conf *conf = load();
    struct tables *tables =
        tables_new_with(&(struct tables_options){.places = {PLUGINS, NULL}});
    struct arena *arena = arena_new("test");
    struct site site;
    struct fail why;

    (void)state;
    assert_int_equal(site_init(&site, tables, conf, arena, &why), 0);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct str domain = str_of(rows[i].domain);

        ROW_INT(rows[i].domain, site_is_local(&site, domain, &why), rows[i].local);
        ROW_INT(rows[i].domain, site.rules.is_local(site.rules.context, domain, &why),
                rows[i].in_table);
    }
    arena_free(arena);
    tables_free(tables);
    conf_free(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(knows_what_is_ours)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
