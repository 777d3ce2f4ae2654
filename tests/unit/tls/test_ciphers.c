#include "unit.h"

#include "tls/ciphers.h"

static const struct tls_grades grades = {"H:@STRENGTH", "M", "eNULL"};

static const struct {
    const char *grade, *exclude, *more, *want;
} rows[] = {
    {"high", "", "", "H:@STRENGTH"},
    {"Medium", "", "", "M"},
    {"low", "", "", "M"},
    {"export", "", "", "M"},
    {"null", "", "", "eNULL"},
    {"medium", "aNULL, RC4", "", "M:!aNULL:!RC4"},
    {"medium", "aNULL:RC4 MD5", "aNULL", "M:!aNULL:!RC4:!MD5:!aNULL"},
    {"medium", "ECDHE+AES", "", "M:!ECDHE+AES"},
    {"", "", "", NULL},
    {"foo", "", "", NULL},
    {"medium", "!RC4", "", NULL},
    {"medium", "@SECLEVEL=0", "", NULL},
    {"medium", "", "-x", NULL},
    {"medium", "+x", "", NULL},
};

static void grades_are_cut_by_exclusions(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *exclusions[] = {rows[i].exclude, rows[i].more, NULL};
        struct fail why = {0};
        const char *got = tls_ciphers(&grades, rows[i].grade, exclusions, arena, &why);

        ROW_TEXT(rows[i].grade, got, rows[i].want);
        ROW_INT(rows[i].grade, why.text[0] != '\0', rows[i].want == NULL);
    }
    arena_free(arena);
}

static void names_of_grades(void **state)
{
    (void)state;
    assert_true(tls_grade_is_known("HIGH"));
    assert_false(tls_grade_is_known("higher"));
}

static void what_is_too_long_is_refused(void **state)
{
    struct arena *arena = arena_new("test");
    char *names = arena_array(arena, 20001, 1);
    const char *exclusions[] = {names, NULL};
    struct fail why;

    (void)state;
    for (int i = 0; i < 20000; i++)
        names[i] = i % 2 ? ' ' : 'x';
    assert_null(tls_ciphers(&grades, "high", exclusions, arena, &why));
    assert_string_equal(why.text, "too many ciphers are excluded");
    assert_null(tls_ciphers(&(struct tls_grades){.high = names}, "high", exclusions + 1,
                            arena, &why));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grades_are_cut_by_exclusions),
        cmocka_unit_test(names_of_grades),
        cmocka_unit_test(what_is_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
