/* Parts of addresses, in their order, for each family of tables. */
#include "table/tables.h"

#include "table/address_maps.h"

static int ours(void *context, struct str domain, struct fail *why)
{
    (void)context;
    if (str_is(domain, "trouble.example"))
        return fail_set(why, "cannot tell");
    return str_is_nocase(domain, "my.example");
}

static const struct address_rules rules = {
    .delimiters = "+-", .double_bounce_sender = "double-bounce", .is_local = ours};

/* clang-format off */
static const struct {
    const char *list;
    unsigned parts;
    const char *address, *value, *extension;
} rows[] = {
    /* order: the longer part wins, whichever table has it */
    {"inline:{@d=3}, inline:{u@d=2}, inline:{u+x@d=1}", ADDRESS_MAPS_REWRITING, "u+x@d", "1", ""},
    {"inline:{@d=3}, inline:{u@d=2}", ADDRESS_MAPS_REWRITING, "u+x@d", "2", "+x"},
    {"inline:{@d=3}", ADDRESS_MAPS_REWRITING, "u+x@d", "3", ""},
    {"inline:{U@D=2}", ADDRESS_MAPS_REWRITING, "u@d", "2", ""},
    {"inline:{u@d=2}", ADDRESS_MAPS_REWRITING, "u-x-y@d", "2", "-x-y"},
    /* bare users only for our own domains */
    {"inline:{u=1}", ADDRESS_MAPS_REWRITING, "u@d", "(none)", ""},
    {"inline:{u=1}", ADDRESS_MAPS_REWRITING, "u@my.example", "1", ""},
    {"inline:{u=1, u+x=2}", ADDRESS_MAPS_REWRITING, "u+x@my.example", "2", ""},
    {"inline:{u=1}", ADDRESS_MAPS_REWRITING, "u+x@my.example", "1", "+x"},
    {"inline:{u=1, @my.example=2}", ADDRESS_MAPS_REWRITING, "u@my.example", "1", ""},
    {"inline:{u=1}", ADDRESS_MAPS_REWRITING, "u", "1", ""},
    {"inline:{u=1}", ADDRESS_MAPS_REWRITING, "u+x", "1", "+x"},
    {"inline:{u=1}", ADDRESS_MAPS_REWRITING, "u@trouble.example", "(error)", ""},
    {"inline:{u@trouble.example=1}", ADDRESS_MAPS_REWRITING, "u@trouble.example", "1", ""},
    /* names that have no extension */
    {"inline:{double@d=1}", ADDRESS_MAPS_REWRITING, "double-bounce@d", "(none)", ""},
    {"inline:{mailer@d=1}", ADDRESS_MAPS_REWRITING, "mailer-daemon@d", "(none)", ""},
    {"inline:{owner@d=1}", ADDRESS_MAPS_REWRITING, "owner-list@d", "(none)", ""},
    /* quoted form first, then plain */
    {"inline:{{\"a b\"@d = quoted}, {a b@d = plain}}", ADDRESS_MAPS_REWRITING, "a b@d", "quoted", ""},
    {"inline:{{a b@d = plain}}", ADDRESS_MAPS_REWRITING, "a b@d", "plain", ""},
    {"inline:{{\"a b\"@d = quoted}}", ADDRESS_MAPS_REWRITING, "a b+x@d", "quoted", "+x"},
    /* patterns see whole addresses only */
    {"regexp:{{/^@?d$/ part}}", ADDRESS_MAPS_REWRITING, "u@d", "(none)", ""},
    {"regexp:{{/^u\\+x@d$/ whole}}", ADDRESS_MAPS_REWRITING, "u+x@d", "whole", ""},
    {"regexp:{{/^u@d$/ shortened}}", ADDRESS_MAPS_REWRITING, "u+x@d", "(none)", ""},
    /* errors */
    {"fail:x", ADDRESS_MAPS_REWRITING, "u@d", "(error)", ""},
    {"", ADDRESS_MAPS_REWRITING, "u@d", "(none)", ""},
    {"static:x", ADDRESS_MAPS_REWRITING, "", "(none)", ""},
    /* virtual mailboxes: no bare user */
    {"inline:{u=1}", ADDRESS_MAPS_MAILBOX, "u@my.example", "(none)", ""},
    {"inline:{@d=all}", ADDRESS_MAPS_MAILBOX, "u@d", "all", ""},
    /* transport */
    {"inline:{u@d.e=1, d.e=2, .e=3, *=4}", ADDRESS_MAPS_TRANSPORT, "u+x@d.e", "1", "+x"},
    {"inline:{d.e=2, .e=3, *=4}", ADDRESS_MAPS_TRANSPORT, "u@d.e", "2", ""},
    {"inline:{.e=3, *=4}", ADDRESS_MAPS_TRANSPORT, "u@a.d.e", "3", ""},
    {"inline:{.d.e=2, .e=3, *=4}", ADDRESS_MAPS_TRANSPORT, "u@a.d.e", "2", ""},
    {"inline:{e=3, *=4}", ADDRESS_MAPS_TRANSPORT, "u@a.d.e", "4", ""},
    {"inline:{e=3, *=4}", ADDRESS_MAPS_TRANSPORT | ADDRESS_PART_BARE_PARENTS, "u@a.d.e", "3", ""},
    {"inline:{@d.e=2}", ADDRESS_MAPS_TRANSPORT, "u@d.e", "(none)", ""},
    {"inline:{*=4}", ADDRESS_MAPS_TRANSPORT, "u", "4", ""},
    /* access */
    {"inline:{u@=5, d=2}", ADDRESS_MAPS_ACCESS, "u@d", "2", ""},
    {"inline:{u@=5}", ADDRESS_MAPS_ACCESS, "u@d", "5", ""},
    {"inline:{u+x@=4, u@=5}", ADDRESS_MAPS_ACCESS, "u+x@d", "4", ""},
    {"inline:{u@=5}", ADDRESS_MAPS_ACCESS, "u+x@d", "5", "+x"},
    {"inline:{@d=5}", ADDRESS_MAPS_ACCESS, "u@d", "(none)", ""},
};
/* clang-format on */

static void asks_for_parts_in_order(void **state)
{
    struct bench *bench = *state;

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct maps *maps = maps_open(bench->tables, "p", rows[i].list, 0);
        struct address_match match = {0};
        struct fail why;
        enum table_result result =
            address_lookup(&(struct address_query){maps, rows[i].parts, &rules},
                           str_of(rows[i].address), bench->arena, &match, &why);
        char *row = arena_printf(bench->arena, "%s ? %s", rows[i].list, rows[i].address);

        ROW_TEXT(row,
                 result == TABLE_FOUND       ? arena_copy_str(bench->arena, match.value)
                 : result == TABLE_NOT_FOUND ? "(none)"
                                             : "(error)",
                 rows[i].value);
        ROW_EQ(row, match.extension, rows[i].extension);
    }
}

static void says_which_part_was_found(void **state)
{
    struct bench *bench = *state;
    struct maps *maps = maps_open(bench->tables, "p", "fail:x", 0);
    struct address_match match = {0};
    struct fail why;

    maps = maps_open(bench->tables, "p", "static:other inline:{@d=1}", 0);
    assert_int_equal(
        address_lookup(&(struct address_query){maps, ADDRESS_MAPS_REWRITING, &rules},
                       STR("u@d"), bench->arena, &match, &why),
        TABLE_FOUND);
    assert_int_equal(match.part, ADDRESS_PART_WHOLE);
    ROW_EQ("key", match.key, "u@d");
    assert_string_equal(table_name(match.table), "static:other");
}

static void results_take_user_and_extension(void **state)
{
    struct bench *bench = *state;
    struct arena *arena = bench->arena;

    ROW_EQ("@", address_keep_user(arena, STR("@other"), STR("u@d")), "u@other");
    ROW_EQ("whole", address_keep_user(arena, STR("x@other"), STR("u@d")), "x@other");
    ROW_EQ("only @", address_keep_user(arena, STR("@"), STR("u@d")), "@");
    ROW_EQ("bare", address_keep_user(arena, STR("@other"), STR("u")), "u@other");
    ROW_EQ("extend", address_add_extension(arena, STR("x@other"), STR("+y")),
           "x+y@other");
    ROW_EQ("bare", address_add_extension(arena, STR("x"), STR("+y")), "x+y");
    ROW_EQ("none", address_add_extension(arena, STR("x@other"), STR_NONE), "x@other");
    ROW_EQ("has it", address_add_extension(arena, STR("x+y@other"), STR("+y")),
           "x+y@other");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(asks_for_parts_in_order),
        TEST(says_which_part_was_found),
        TEST(results_take_user_and_extension),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
