#include "unit.h"

#include "mail/path.h"

/* NULL = refused. The verdicts are those of a running Postfix, strict and not. */
static const struct {
    const char *text, *lenient, *strict, *rest;
} paths[] = {
    {"<>", "", "", ""},
    {"<a@b>", "a@b", "a@b", ""},
    {" <a@b>", "a@b", "a@b", ""},
    {"a@b", "a@b", NULL, ""},
    {"a@b (c)", "a@b", NULL, "(c)"},
    {"Foo Bar <a@b>", "Foo", NULL, "Bar <a@b>"},
    {"<a@b> (c)", "a@b", "a@b", "(c)"},
    {"<a@b> SIZE=3  BODY=8BITMIME", "a@b", "a@b", "SIZE=3  BODY=8BITMIME"},
    {"<a@b>SIZE=3", NULL, NULL, ""},
    {"<a b@c>", NULL, NULL, ""},
    {"<\"a b\"@c>", "a b@c", "a b@c", ""},
    {"<\"a>b\"@c> X", "a>b@c", "a>b@c", "X"},
    {"<\"a@b\"@c>", "a@b@c", "a@b@c", ""},
    {"<@a,@b:u@c>", "u@c", "u@c", ""},
    {"<@a:u@c>", "u@c", "u@c", ""},
    {"<@a>", "@a", NULL, ""},
    {"<a@>", NULL, NULL, ""},
    {"<@>", NULL, NULL, ""},
    {"<a>", "a", "a", ""},
    {"<a..b@c>", "a..b@c", "a..b@c", ""},
    {"<.a@c>", ".a@c", ".a@c", ""},
    {"<a@b..c>", NULL, NULL, ""},
    {"<a@b.>", "a@b.", "a@b.", ""},
    {"<a@.b>", NULL, NULL, ""},
    {"<a@[1.2.3.4]>", "a@[1.2.3.4]", "a@[1.2.3.4]", ""},
    {"<a@[IPv6:::1]>", "a@[IPv6:::1]", "a@[IPv6:::1]", ""},
    {"<a@[foo]>", NULL, NULL, ""},
    {"<a@1.2.3.4>", NULL, NULL, ""},
    {"<a@[1.2.3.4>", NULL, NULL, ""}, /* Postfix closes the bracket */
    {"<a@b@c>", "a@b@c", "a@b@c", ""},
    {"<a,b@c>", NULL, NULL, ""},
    {"<a@b,c@d>", NULL, NULL, ""},
    {"<<a@b>>", "a@b", "a@b", ""},
    {"<a@b", NULL, NULL, ""},
    {"a@b>", "a@b", NULL, ""},
    {"<\"a@b>", NULL, NULL, ""},
    {"<a\\@b@c>", "a@b@c", "a@b@c", ""},
    {"<(x)a@b>", "a@b", NULL, ""},
    {"<a@b_c.d>", "a@b_c.d", "a@b_c.d", ""},
    {"<a@-b.c>", NULL, NULL, ""},
    {"<a@b-.c>", NULL, NULL, ""},
    {"<\"\"@c>", "@c", NULL, ""},
    {"<\"\">", "", "", ""},
    {"<a!b>", "a!b", "a!b", ""},
    {"<a%b>", "a%b", "a%b", ""},
    {"<g:a@b;>", "a@b", NULL, ""},
    {"<postmaster>", "postmaster", "postmaster", ""},
    {"<j\xc3\xb6@b>", "j\xc3\xb6@b", "j\xc3\xb6@b", ""},
    {"<a@\xc3\xbc.b>", NULL, NULL, ""},
    {"", NULL, NULL, ""},
    {"<a@b><c@d>", NULL, NULL, ""},
    {"< a@b >", "a@b", "a@b", ""},
    {"<a @ b>", "a@b", "a@b", ""},
    {"<a\x01@b>", NULL, NULL, ""},
    {"<\"a\tb\"@c>", NULL, NULL, ""}, /* a TAB may not get into queue files */
    {"<a@b;c>", NULL, NULL, ""},
    {">", NULL, NULL, ""},
    {"<", NULL, NULL, ""},
};

static void check(size_t i, unsigned flags, const char *want)
{
    struct arena *arena = arena_new("test");
    struct path got = {STR("untouched"), STR_NONE};
    struct fail why;
    int result =
        path_parse(str_of(paths[i].text), flags | PATH_NULL_OK, arena, &got, &why);

    ROW_INT(paths[i].text, result, want ? 0 : -1);
    ROW_EQ(paths[i].text, got.address, want ? want : "untouched");
    if (want)
        ROW_EQ(paths[i].text, got.rest, paths[i].rest);
    arena_free(arena);
}

static void paths_are_taken_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(paths); i++)
        check(i, 0, paths[i].lenient);
}

static void strict_paths_need_brackets_and_no_comments(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(paths); i++)
        check(i, PATH_STRICT, paths[i].strict);
}

static void the_null_address_is_no_recipient(void **state)
{
    struct arena *arena = arena_new("test");
    struct path got;
    struct fail why;

    (void)state;
    assert_int_equal(path_parse(STR("<>"), 0, arena, &got, &why), -1);
    assert_int_equal(path_parse(STR("<\"\">"), 0, arena, &got, &why), -1);
    arena_free(arena);
}

static void utf8_domains_need_the_flag(void **state)
{
    struct arena *arena = arena_new("test");
    struct path got;
    struct fail why;

    (void)state;
    assert_int_equal(path_parse(STR("<a@\xc3\xbc.b>"), PATH_UTF8_OK, arena, &got, &why),
                     0);
    assert_int_equal(path_parse(STR("<\xc3@a.b>"), PATH_UTF8_OK, arena, &got, &why), -1);
    assert_string_equal(why.text, "address is not valid UTF-8");
    assert_int_equal(path_parse(STR("<a\0b@c>"), 0, arena, &got, &why), -1);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_taken_or_refused),
        cmocka_unit_test(strict_paths_need_brackets_and_no_comments),
        cmocka_unit_test(the_null_address_is_no_recipient),
        cmocka_unit_test(utf8_domains_need_the_flag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
