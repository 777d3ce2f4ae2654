/* postscreen/dnsbl.c: what stands in postscreen_dnsbl_sites. */
#include "unit.h"

#include "postscreen/dnsbl.h"

static const struct {
    const char *sites, *why; /* NULL = good */
    bool empty;
} rows[] = {
    {"", NULL, true},
    {" , ", NULL, true},
    {"bl.test", NULL, false},
    {"bl.test*2, wl.test*-3 b2.test=127.0.0.[2;4..8]*+1", NULL, false},
    {"bl.test*x", "bad weight in postscreen_dnsbl_sites: bl.test*x", false},
    {"bl.test*", "bad weight in postscreen_dnsbl_sites: bl.test*", false},
    {"bl.test*2000000", "bad weight in postscreen_dnsbl_sites: bl.test*2000000", false},
    {"bl.test=127.0.0", "bad filter in postscreen_dnsbl_sites: bl.test=127.0.0", false},
    {"bl.test=127.0.0.300", "bad filter in postscreen_dnsbl_sites: bl.test=127.0.0.300",
     false},
    {"=127.0.0.2", "no domain in postscreen_dnsbl_sites: =127.0.0.2", false},
    {"*2", "no domain in postscreen_dnsbl_sites: *2", false},
};

static void each_item_is_understood_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct conf conf = {.postscreen_dnsbl_sites = rows[i].sites,
                            .dnsblog_service_name = "dnsblog",
                            .postscreen_dnsbl_reply_map = ""};
        struct tables *tables = tables_new_with(&(struct tables_options){0});
        struct arena *arena = arena_new("test");
        struct dnsbl *dnsbl;
        struct fail why = {0};
        int result = dnsbl_new(&conf, tables, arena, &dnsbl, &why);

        ROW_INT(rows[i].sites, result, rows[i].why ? -1 : 0);
        if (rows[i].why)
            ROW_TEXT(rows[i].sites, why.text, rows[i].why);
        else
            ROW_INT(rows[i].sites, dnsbl_is_empty(dnsbl), rows[i].empty);
        tables_free(tables);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_item_is_understood_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
