#include "unit.h"

#include "mail/address_list.h"

/*
 * What a header looks like when it is written anew from its parsed form. Most
 * rows were seen on a running Postfix; where its guess about broken input
 * differs, the row says so.
 */
static const struct {
    const char *body, *want;
} rows[] = {
    {"a@b", "To: a@b"},
    {"a@b,c@d", "To: a@b, c@d"},
    {"  a@b ,\n\tc@d\n", "To: a@b, c@d"},
    {"", "To:"},
    {"<>", "To: <>"},
    {"Foo Bar <a@b>", "To: Foo Bar <a@b>"},
    {"\"Quoted, Name\" <d>", "To: \"Quoted, Name\" <d>"},
    {"\"Joe\" Smith \"X\" <a>", "To: \"Joe\" Smith \"X\" <a>"},
    {"joe.smith (c1 (nested \\) x) c2) <x>", "To: joe.smith (c1 (nested \\) x) c2) <x>"},
    {"Joe.Q.Smith <a>, O'Neil <b>", "To: Joe.Q.Smith <a>, O'Neil <b>"},
    {"z(q)", "To: z (q)"},
    {"(c)foo@bar(d)", "To: foo@bar (c) (d)"},
    {"Joe <a> (x) (y)", "To: Joe <a> (x) (y)"},
    {"Foo (bar) <(c)foo@bar(d)>", "To: Foo (bar) <foo@bar> (c) (d)"},
    {"Group Name: e, f <g>;, h@i", "To: Group Name: e, f <g>;, h@i"},
    {"undisclosed-recipients:;", "To: undisclosed-recipients: ;"},
    {"@r:j@k", "To: j@k"},
    {"a:b, c:d;", "To: a: b, c: d;"},
    {"x;y;z", "To: x;, y;, z"},
    {"<@r1,@r2:h@i>", "To: <h@i>"},
    {"<@r1:\"h x\"@i>", "To: <\"h x\"@i>"},
    {"joe smith", "To: joe, smith"},
    {"a b@c d", "To: a, b@c, d"},
    {"a . b @ c . d", "To: a.b@c.d"},
    {"a@b@c", "To: \"a@b\"@c"},
    {"\"a@b\"", "To: \"a@b\""},
    {"\"q\"@host", "To: q@host"},
    {"\"a\\\"b\"@c, \"a\\\\b\"@d", "To: \"a\\\"b\"@c, \"a\\\\b\"@d"},
    {"a@[1.2.3.4], b@[IPv6:::1]", "To: a@[1.2.3.4], b@[IPv6:::1]"},
    {"c@[foo bar]", "To: c@[foo bar]"},
    {"=?utf-8?q?J=C3=B6?= <jo>, J\xc3\xb6 <jo>",
     "To: =?utf-8?q?J=C3=B6?= <jo>, J\xc3\xb6 <jo>"},
    {"\"\"@host", "To: \"\"@host"},
    {"\"\"", "To: \"\""},
    /* broken input: no address may be lost, none may come from nowhere */
    {"a,,b,", "To: a, b"},
    {",", "To:"},
    {"<x>, <y, z>", "To: <x>, <\"y, z\">"},
    {"a <b> c <d>", "To: a <b>, c <d>"},
    {"a <b>, c <d", "To: a <b>, c <d>"},
    {"c <d, e", "To: c <d>, e"},
    {"a <b <c@x>>, d", "To: a <b <c@x>>, d"},
    {"<<foo@bar>>", "To: <foo@bar>"},
    {"\"unterminated <x>, y", "To: \"unterminated <x>, y\""},
    {"(unterminated <x>, y", "To:"},
    {"d@[x", "To: d@[x]"},
    {"\"a\\", "To: \"a\\\\\""},
    {"@host", "To: \"\"@host"},
    {"user@", "To: user@"},
    {"a>b", "To: a, b"},
    {"joe\n\tsmith <x>", "To: joe smith <x>"},
    {"\"joe\n smith\" <x>", "To: \"joe smith\" <x>"},
    {"a\\ b@c", "To: \"a b\"@c"},
    {":;", "To: : ;"},
    {"@", "To: \"\"@"},
};

static void headers_are_written_from_their_parsed_form(void **state)
{
    struct arena *arena = arena_new("test");
    struct buf out;

    (void)state;
    buf_init(&out, 10000);
    for (size_t i = 0; i < ROWS(rows); i++) {
        buf_reset(&out);
        address_list_format(address_list_parse(str_of(rows[i].body), 1000, arena),
                            STR("To"), &out);
        ROW_EQ(rows[i].body, buf_str(&out), rows[i].want);
    }
    buf_done(&out);
    arena_free(arena);
}

/* Writing what was parsed and parsing it again changes nothing. */
static void writing_and_parsing_is_stable(void **state)
{
    struct arena *arena = arena_new("test");
    struct buf first, second;

    (void)state;
    buf_init(&first, 10000);
    buf_init(&second, 10000);
    for (size_t i = 0; i < ROWS(rows); i++) {
        buf_reset(&first);
        buf_reset(&second);
        address_list_format(address_list_parse(str_of(rows[i].body), 1000, arena),
                            STR("To"), &first);
        address_list_format(address_list_parse(str_tail(buf_str(&first), 3), 1000, arena),
                            STR("To"), &second);
        ROW_EQ(rows[i].body, buf_str(&second), buf_text(&first));
    }
    buf_done(&first);
    buf_done(&second);
    arena_free(arena);
}

static const struct {
    const char *body, *address;
    bool has_domain, quoted, odd;
} details[] = {
    {"\"a@b\"", "a@b", false, true, false},  {"\"a b\"@c", "a b@c", true, true, false},
    {"a@b", "a@b", true, false, false},      {"<y, z>", "y, z", false, false, true},
    {"<a b@c>", "a b@c", true, false, true}, {"<a", "a", false, false, true},
    {"\"a", "a", false, true, true},         {"<@x:a@b>", "a@b", true, false, false},
};

static void what_was_quoted_or_guessed_is_told(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(details); i++) {
        struct address_list *list =
            address_list_parse(str_of(details[i].body), 1000, arena);
        ROW_INT(details[i].body, list->n, 1);
        ROW_EQ(details[i].body, list->items[0].address, details[i].address);
        ROW_INT(details[i].body, list->items[0].has_domain, details[i].has_domain);
        ROW_INT(details[i].body, list->items[0].quoted, details[i].quoted);
        ROW_INT(details[i].body, list->items[0].odd, details[i].odd);
    }
    arena_free(arena);
}

static void dropped_routes_are_told(void **state)
{
    struct arena *arena = arena_new("test");
    struct address_list *list =
        address_list_parse(STR("<@r1,@r2:a@b>, <c@d>"), 1000, arena);

    (void)state;
    assert_int_equal(list->n, 2);
    assert_true(list->items[0].routed);
    assert_false(list->items[1].routed);
    arena_free(arena);
}

static void long_lines_break_at_joins(void **state)
{
    struct arena *arena = arena_new("test");
    struct buf out;

    (void)state;
    buf_init(&out, 10000);
    address_list_format(
        address_list_parse(STR("a@origin.test, b@origin.test, c@origin.test (comment), "
                               "\"Quoted Name\" <d@origin.test>, Group Name: "
                               "e@origin.test, f <g@origin.test>;, <h@i.home.test>, "
                               "undisclosed:;"),
                           1000, arena),
        STR("To"), &out);
    assert_string_equal(buf_text(&out),
                        "To: a@origin.test, b@origin.test, c@origin.test (comment),\n"
                        "\t\"Quoted Name\" <d@origin.test>, Group Name: e@origin.test,\n"
                        "\tf <g@origin.test>;, <h@i.home.test>, undisclosed: ;");
    buf_done(&out);
    arena_free(arena);
}

static void the_token_limit_cuts_the_rest(void **state)
{
    struct arena *arena = arena_new("test");
    struct address_list *list = address_list_parse(STR("a@b, c@d, e@f"), 8, arena);

    (void)state;
    assert_true(list->truncated);
    assert_int_equal(list->n, 2);
    assert_false(address_list_parse(STR("a@b, c@d"), 8, arena)->truncated);
    arena_free(arena);
}

/* Depth, length and odd bytes: it ends, in bounded memory. */
static void hostile_bodies_are_bounded(void **state)
{
    static const char *const units[] = {"(",    "<",    "\"",   "[",   "a,",  "\\",
                                        ":",    ";",    "@",    ".",   "(\\", "<@",
                                        "a b ", "\n\t", "\xff", "a@b,"};
    struct arena *arena = arena_new("test");
    struct buf body, out;

    (void)state;
    buf_init(&body, 1 << 20);
    buf_init(&out, 1 << 22);
    for (size_t u = 0; u < ROWS(units); u++) {
        buf_reset(&body);
        buf_reset(&out);
        for (size_t i = 0; i < 50000; i++)
            buf_add_text(&body, units[u]);
        struct address_list *list = address_list_parse(buf_str(&body), 10240, arena);
        assert_true(list->n <= 10240);
        address_list_format(list, STR("To"), &out);
        arena_reset(arena);
    }
    buf_done(&body);
    buf_done(&out);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_written_from_their_parsed_form),
        cmocka_unit_test(writing_and_parsing_is_stable),
        cmocka_unit_test(what_was_quoted_or_guessed_is_told),
        cmocka_unit_test(dropped_routes_are_told),
        cmocka_unit_test(long_lines_break_at_joins),
        cmocka_unit_test(the_token_limit_cuts_the_rest),
        cmocka_unit_test(hostile_bodies_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
