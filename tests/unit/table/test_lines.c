/* Logical lines: joining, comments, numbers. */
#include "table/tables.h"

#include "table/lines.h"

static const struct {
    const char *text, *lines; /* "number:line|" */
} rows[] = {
    {"", ""},
    {"a", "1:a|"},
    {"a\nb\n", "1:a|2:b|"},
    {"a\n  b\nc\n", "1:a  b|3:c|"},
    {"a\n#x\n\n  # y\n\tb\n", "1:a\tb|"},
    {"\n\n#c\na  \n", "4:a|"},
    {"  lead\n", "1:  lead|"},
    {"a\r\nb\r\n", "1:a|2:b|"},
    {"a\n   \n b\n", "1:a b|"},
};

static void joins_and_counts(void **state)
{
    struct bench *bench = *state;

    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *path = bench_file(bench, "lines", rows[i].text);
        struct table_lines *lines = table_lines_open(path, NULL);
        struct fail why;
        struct buf got;
        struct str line;
        int more;

        assert_non_null(lines);
        buf_init(&got, 1000);
        while ((more = table_lines_next(lines, &line, &why)) > 0)
            buf_printf(&got, "%ld:%.*s|", table_lines_number(lines), STR_ARG(line));
        ROW_INT(rows[i].text, more, 0);
        ROW_EQ(rows[i].text, buf_str(&got), rows[i].lines);
        buf_done(&got);
        table_lines_free(lines);
    }
}

static void a_missing_file_is_named(void **state)
{
    struct fail why;

    (void)state;
    assert_null(table_lines_open("/nonexistent/x", &why));
    assert_string_equal(why.text, "open /nonexistent/x: No such file or directory");
}

static void a_folder_is_a_read_error(void **state)
{
    struct bench *bench = *state;
    struct table_lines *lines = table_lines_open(bench->directory, NULL);
    struct str line;
    struct fail why;

    assert_non_null(lines);
    assert_int_equal(table_lines_next(lines, &line, &why), -1);
    table_lines_free(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(joins_and_counts, bench_open, bench_close),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test_setup_teardown(a_folder_is_a_read_error, bench_open,
                                        bench_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
