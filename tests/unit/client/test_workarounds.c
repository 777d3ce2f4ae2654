/* client/workarounds.c: who needs special care, and which. */
#include "unit.h"

#include "client/workarounds.h"
#include "conf/conf.h"

static const struct {
    const char *greeting;
    bool is_pix;
} greetings[] = {
    {"220 ****2***0****", true},
    {"220 *", true},
    {"220 *** 0 *** 2", true},
    {"220 mx.test ESMTP", false},
    {"220 **** ESMTP", false},
    {"220", false},
    {"220 ", false},
    {"220 2 0", false},
    {"220-****\n220 ***", false},
};

static void a_firewall_is_known_by_its_greeting(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(greetings); i++)
        ROW_INT(greetings[i].greeting, workarounds_is_pix(str_of(greetings[i].greeting)),
                greetings[i].is_pix);
}

static const struct {
    const char *setting;
    long long age_s;
    int bits;
    const char *names;
} rows[] = {
    {"", 0, PIX_DISABLE_ESMTP, "disable_esmtp"},
    {"", 500, PIX_DISABLE_ESMTP | PIX_DELAY_DOT, "disable_esmtp delay_dotcrlf"},
    {"smtp_pix_workarounds=delay_dotcrlf", 500, PIX_DELAY_DOT, "delay_dotcrlf"},
    {"smtp_pix_workarounds=delay_dotcrlf", 499, 0, ""},
    {"smtp_pix_workarounds=", 500, 0, ""},
    {"smtp_pix_workaround_maps=inline:{192.0.2.1=delay_dotcrlf}", 500, PIX_DELAY_DOT,
     "delay_dotcrlf"},
    {"smtp_pix_workaround_maps=inline:{192.0.2.2=delay_dotcrlf}", 500,
     PIX_DISABLE_ESMTP | PIX_DELAY_DOT, "disable_esmtp delay_dotcrlf"},
    {"smtp_pix_workaround_maps=fail:x", 500, -1, NULL},
};

static void its_care_depends_on_address_and_age(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *overrides[] = {*rows[i].setting ? rows[i].setting : "soft_bounce=no",
                                   NULL};
        struct conf_options options = {
            .program = "smtp", .overrides = overrides, .defaults_only = true};
        struct arena *arena = arena_new("test");
        struct workarounds workarounds;
        const char *names = NULL;
        struct tables *tables;
        struct conf *conf;
        struct fail why;

        conf = conf_load(&options, &why);
        assert_non_null(conf);
        tables = tables_new(conf);
        workarounds_init(&workarounds, tables, conf, false, arena);
        ROW_INT(rows[i].setting,
                workarounds_pix(&workarounds, STR("192.0.2.1"), rows[i].age_s, arena,
                                &names, &why),
                rows[i].bits);
        ROW_TEXT(rows[i].setting, names, rows[i].names);
        tables_free(tables);
        conf_free(conf);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_firewall_is_known_by_its_greeting),
        cmocka_unit_test(its_care_depends_on_address_and_age),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
