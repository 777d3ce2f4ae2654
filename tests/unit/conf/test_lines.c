/* Logical lines: what continues what, and where each one stands. */
#include "unit.h"

#include "conf/lines.h"

static const struct {
    const char *source;
    const char *lines; /* each as "number text|" */
} rows[] = {
    {"", ""},
    {"\n\n", ""},
    {"a", "1 a|"},
    {"a\nb\n", "1 a|2 b|"},
    {"# c\na\n", "2 a|"},
    {"a\n b\n", "1 a b|"},
    {"a\n\tb\n  c\nd\n", "1 a\tb  c|4 d|"},
    {"a \n b", "1 a  b|"},
    {"a\n# c\n b\n", "1 a b|"},
    {"a\n\n b\n", "1 a b|"},
    {"a\n  # c\n b\n", "1 a b|"},
    {"a\n   \n b\n", "1 a b|"},
    {"a # no comment\n", "1 a # no comment|"},
    {" a\nb\n", "1  a(orphan)|2 b|"},
    {"# c\n a\n b\n", "2  a(orphan)|3  b(orphan)|"},
    {"a\r\nb\r\n", "1 a\r|2 b\r|"},
    {"#\n a", "2  a(orphan)|"},
};

static void joins_what_starts_with_blanks(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct lines lines;
        struct line line;
        char got[200] = "";

        lines_start(&lines, str_of(rows[i].source), arena);
        while (lines_next(&lines, &line))
            snprintf(got + strlen(got), sizeof(got) - strlen(got), "%d %.*s%s|",
                     line.number, STR_ARG(line.text), line.orphan ? "(orphan)" : "");
        ROW_TEXT(rows[i].source, got, rows[i].lines);
    }
    arena_free(arena);
}

static void knows_where_a_line_starts_and_ends(void **state)
{
    const char source[] = "# one\na\n# two\n b\n\n# three\nc\n";
    struct arena *arena = arena_new("test");
    struct lines lines;
    struct line line;

    (void)state;
    lines_start(&lines, str_of(source), arena);
    assert_true(lines_next(&lines, &line));
    ROW_EQ("first", str_from(source + line.start, line.end - line.start),
           "a\n# two\n b\n");
    assert_true(lines_next(&lines, &line));
    ROW_EQ("second", str_from(source + line.start, line.end - line.start), "c\n");
    assert_false(lines_next(&lines, &line));
    arena_free(arena);
}

static void views_what_needs_no_joining(void **state)
{
    const char source[] = "alone\n";
    struct arena *arena = arena_new("test");
    struct lines lines;
    struct line line;

    (void)state;
    lines_start(&lines, str_of(source), arena);
    assert_true(lines_next(&lines, &line));
    assert_ptr_equal(line.text.p, source);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_what_starts_with_blanks),
        cmocka_unit_test(knows_where_a_line_starts_and_ends),
        cmocka_unit_test(views_what_needs_no_joining),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
