/* Lists of tables: order, errors, empty values, partial keys. */
#include "table/tables.h"

static const struct {
    const char *list, *key;
    enum maps_which which;
    const char *value;
} rows[] = {
    {"", "a", MAPS_ALL, "(none)"},
    {"inline:{a=1}, inline:{a=2, b=3}", "a", MAPS_ALL, "1"},
    {"inline:{a=1} inline:{a=2, b=3}", "b", MAPS_ALL, "3"},
    {"inline:{a=1}\n\tinline:{a=2, b=3}", "c", MAPS_ALL, "(none)"},
    {"fail:x, inline:{a=1}", "a", MAPS_ALL, "(error)"},
    {"inline:{a=1}, fail:x", "a", MAPS_ALL, "1"},
    {"inline:{a=1}, fail:x", "b", MAPS_ALL, "(error)"},
    {"hash:/nonexistent, inline:{a=1}", "a", MAPS_ALL, "(error)"},
    {"inline:{{a = two words}}", "a", MAPS_ALL, "two words"},
    {"inline:{a=}", "a", MAPS_ALL, "(error)"},
    {"regexp:{{/a/ re}}, inline:{a=1}", "a", MAPS_ALL, "re"},
    {"regexp:{{/a/ re}}, inline:{a=1}", "a", MAPS_FIXED, "1"},
};

static void the_first_table_that_knows_answers(void **state)
{
    struct bench *bench = *state;

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct maps *maps = maps_open(bench->tables, "some_maps", rows[i].list, 0);
        struct str value = STR_NONE;
        struct fail why;
        enum table_result result = maps_lookup(maps, str_of(rows[i].key), rows[i].which,
                                               bench->arena, &value, &why);

        ROW_TEXT(rows[i].list,
                 result == TABLE_FOUND       ? arena_copy_str(bench->arena, value)
                 : result == TABLE_NOT_FOUND ? "(none)"
                                             : "(error)",
                 rows[i].value);
        ROW_INT(rows[i].list, maps_empty(maps), rows[i].list[0] == '\0');
    }
}

static void no_list_finds_nothing(void **state)
{
    struct bench *bench = *state;

    assert_true(maps_empty(NULL));
    assert_int_equal(maps_lookup(NULL, STR("a"), MAPS_ALL, bench->arena, NULL, NULL),
                     TABLE_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_table_that_knows_answers, bench_open,
                                        bench_close),
        cmocka_unit_test_setup_teardown(no_list_finds_nothing, bench_open, bench_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
