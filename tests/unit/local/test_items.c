/* The right-hand side of aliases: each row was tried with Debian's Postfix. */
#include "unit.h"

#include "local/local.h"

/* clang-format off */
static const struct {
    const char *line, *items; /* "kind text|" each: a address, c command, f file, i include */
} lines[] = {
    {"", ""},
    {"joe", "a joe|"},
    {"ann,,bob,", "a ann|a bob|"},
    {"ann@b.test bob@c.test", "a ann@b.test|a bob@c.test|"},
    {"ann; bob", "a ann|a bob|"},
    {"Ann <ann@b.test>", "a ann@b.test|"},
    {"(c) ann@b.test", "a ann@b.test|"},
    {"ann@b.test (c, d)", "a ann@b.test|"},
    {"<ann@b.test> <bob@c.test>", "a ann@b.test|a bob@c.test|"},
    {"Grp: ann@b.test, bob@c.test;", "a ann@b.test|a bob@c.test|"},
    {"@route.test:ann@b.test", "a ann@b.test|"},
    {"\"a b\"@c.test", "a a b@c.test|"},
    {"\"a@b\"", "a a@b|"},
    {"ann@b . test", "a ann@b.test|"},
    {"\"quoted\"text@b.test", "a quoted|a text@b.test|"},
    {"\\joe", "a joe|"},
    {"\"\\joe2\"", "a joe2|"},
    {"<>", ""},
    {"\"\"", "a |"},
    {"[x]", "a [x]|"},
    {"a:b", "a a:b|"},
    {":foo", "a :foo|"},
    {"include:/x", "a include:/x|"},
    {"|cmd x", "c cmd|a x|"},
    {"|cmd x, y", "c cmd|a x|a y|"},
    {"\"|cmd x\" y", "c cmd x|a y|"},
    {"|\"cmd y\"", "c cmd y|"},
    {"\"|cmd \\\"quoted\\\" \\\\x\"", "c cmd \"quoted\" \\x|"},
    {"\"| spaces \"", "c spaces|"},
    {"/file name", "f /file|a name|"},
    {"\"/file name\"", "f /file name|"},
    {"/etc/x,|\"cmd y\"", "f /etc/x|c cmd y|"},
    {"/var/mail/x:y", "f /var/mail/x:y|"},
    {"~/box", "f ~/box|"},
    {"~ann/x", "f ~ann/x|"},
    {"$HOME/x", "a $HOME/x|"},
    {"./box", "a ./box|"},
    {":include:/tmp/f", "i /tmp/f|"},
    {"\":include:/tmp/f\"", "i /tmp/f|"},
    {":INCLUDE:/tmp/a b", "i /tmp/a|a b|"},
    {":include:rel", "i rel|"},
    {"ann # no comment here", "a ann|a #|a no|a comment|a here|"},
    {"\"|open", "c open|"},
    {"joe, \"|a b\", /c, :include:/d, ann@e", "a joe|c a b|f /c|i /d|a ann@e|"},
};
/* clang-format on */

static void lines_become_items(void **state)
{
    static const char letters[] = {[ITEM_ADDRESS] = 'a',
                                   [ITEM_FILE] = 'f',
                                   [ITEM_COMMAND] = 'c',
                                   [ITEM_INCLUDE] = 'i'};

    (void)state;
    for (size_t i = 0; i < ROWS(lines); i++) {
        struct arena *arena = arena_new("test");
        struct items items = items_parse(str_of(lines[i].line), 1000, arena);
        struct buf got;

        buf_init(&got, 10000);
        buf_add_text(&got, "");
        for (size_t j = 0; j < items.n; j++)
            buf_printf(&got, "%c %.*s|", letters[items.items[j].kind],
                       STR_ARG(items.items[j].text));
        ROW_EQ(lines[i].line, buf_str(&got), lines[i].items);
        buf_done(&got);
        arena_free(arena);
    }
}

/* Hostile lines cost time that grows with their length, and no more. */
static void long_lines_end(void **state)
{
    static const char *const pieces[] = {"\"", "(", "<", ",", "|", ":", "\\", "a:", "/ "};

    (void)state;
    for (size_t i = 0; i < ROWS(pieces); i++) {
        struct arena *arena = arena_new("test");
        struct buf line;

        buf_init(&line, 1 << 20);
        while (line.n < 100000)
            buf_add_text(&line, pieces[i]);
        (void)items_parse(buf_str(&line), 10240, arena);
        buf_done(&line);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_items),
        cmocka_unit_test(long_lines_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
