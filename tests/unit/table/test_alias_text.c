/* Alias lines: names, values as the index holds them, and their items. */
#include "table/tables.h"

#include "table/alias_text.h"

/* clang-format off */
static const struct {
    const char *line, *name, *value; /* value NULL: name is the complaint */
} lines[] = {
    {"a: b, c", "a", "b, c"},
    {"a:b,c", "a", "b, c"},
    {"a b: c", "a b", "c"},
    {"\"q:r\": s", "q:r", "s"},
    {"\"q\" : t", "q", "t"},
    {"(comment) c: d  e (x) : f", "(comment) c", "d e (x):f"},
    {"f: \"|cmd a\"  , /file # no", "f", "\"|cmd a\", /file # no"},
    {"g:: h", "g", ":h"},
    {"\\i: j", "i", "j"},
    {"\"A\\\"B\": k", "A\"B", "k"},
    {"a: Joe X <joe@ex.com>,bob", "a", "Joe X <joe@ex.com>, bob"},
    {"b: \"|/bin/x y z\", \"/a b\", :include:/foo bar", "b", "\"|/bin/x y z\", \"/a b\", :include:/foo bar"},
    {"c: |/bin/x a b , \\joe", "c", "|/bin/x a b, joe"},
    {"d: |\"/bin/x a , b\"", "d", "|\"/bin/x a , b\""},
    {"e: a.b @ c.d; x : y ; z", "e", "a.b@c.d;x:y;z"},
    {"f: (c1 (c2)) a(b)c \"q\\\"r\" [1.2.3.4]", "f", "(c1 (c2)) a (b) c \"q\\\"r\" [1.2.3.4]"},
    {"g: joe  ,,  , bob,", "g", "joe, , , bob, "},
    {"h: /var/mail/x:y", "h", "/var/mail/x:y"},
    {"i: joe@[1.2.3.4], \"x y\"@z", "i", "joe@[1.2.3.4], \"x y\"@z"},
    {"foo@bar: x", "name must be local", NULL},
    {"<a@b>: c", "name must be local", NULL},
    {": nokey", "need name:value pair", NULL},
    {"x,y: z", "need name:value pair", NULL},
    {"no colon", "need name:value pair", NULL},
    {"x:", "need name:value pair", NULL},
    {"\"open: x", "need name:value pair", NULL},
};

static const struct {
    const char *value, *items;
} values[] = {
    {"", ""},
    {"joe", "joe|"},
    {"joe, bob", "joe|bob|"},
    {" joe ,, bob , ", "joe|bob|"},
    {"\"|cmd a, b\", c", "|cmd a, b|c|"},
    {"Joe X <joe@ex.com>, bob", "Joe X <joe@ex.com>|bob|"},
    {"<@a,@b:c@d>, e", "<@a,@b:c@d>|e|"},
    {"joe (one, two), bob", "joe (one, two)|bob|"},
    {"\"a b\"@c, \"x y\"", "\"a b\"@c|x y|"},
    {"\"a\\\"b\"", "a\"b|"},
    {"/a b/c, :include:/x y", "/a b/c|:include:/x y|"},
};
/* clang-format on */

static void lines_become_name_and_value(void **state)
{
    struct bench *bench = *state;

    for (size_t i = 0; i < ROWS(lines); i++) {
        struct str name = STR_NONE, value = STR_NONE;
        struct fail why;
        int result =
            alias_line_split(str_of(lines[i].line), bench->arena, &name, &value, &why);

        ROW_INT(lines[i].line, result, lines[i].value ? 0 : -1);
        ROW_EQ(lines[i].line, result == 0 ? name : str_of(why.text), lines[i].name);
        if (lines[i].value)
            ROW_EQ(lines[i].line, value, lines[i].value);
    }
}

static void values_become_items(void **state)
{
    struct bench *bench = *state;

    for (size_t i = 0; i < ROWS(values); i++) {
        struct str rest = str_of(values[i].value), item;
        struct buf got;

        buf_init(&got, 1000);
        buf_add_text(&got, "");
        while ((item = alias_item(&rest)).n > 0)
            buf_printf(&got, "%.*s|", STR_ARG(alias_unquoted(item, bench->arena)));
        ROW_EQ(values[i].value, buf_str(&got), values[i].items);
        buf_done(&got);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_become_name_and_value),
        TEST(values_become_items),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
