/* "name = value": splitting it, and what wins when a name is set twice. */
#include "folder.h"

#include "conf/settings.h"

static const struct {
    const char *line, *name, *value; /* name NULL = refused, value is the complaint */
} lines[] = {
    {"a=b", "a", "b"},
    {"a = b", "a", "b"},
    {"  a\t=\tb c  ", "a", "b c"},
    {"a =", "a", ""},
    {"a = = b", "a", "= b"},
    {"a=b=c", "a", "b=c"},
    {"a", NULL, "missing '=' after attribute name: \"a\""},
    {"", NULL, "missing '=' after attribute name: \"\""},
    {"a b=c", NULL, "missing '=' after attribute name: \"a b=c\""},
    {"=b", NULL, "missing attribute name: \"=b\""},
    {" = ", NULL, "missing attribute name: \"=\""},
};

static void splits_at_the_first_equals_sign(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(lines); i++) {
        struct str name, value;
        struct fail why;
        int result = setting_split(str_of(lines[i].line), &name, &value, &why);

        ROW_INT(lines[i].line, result, lines[i].name ? 0 : -1);
        if (result < 0) {
            ROW_TEXT(lines[i].line, why.text, lines[i].value);
            continue;
        }
        ROW_EQ(lines[i].line, name, lines[i].name);
        ROW_EQ(lines[i].line, value, lines[i].value);
    }
}

static void finds_each_of_many(void **state)
{
    struct folder *folder = *state;
    struct settings settings;
    struct texts warnings = {0};
    char text[20000] = "", name[20];

    for (int i = 0; i < 500; i++)
        snprintf(text + strlen(text), 40, "n%d = v%d\n", (i * 7) % 500, (i * 7) % 500);
    folder_write(folder, "main.cf", text);
    assert_int_equal(settings_read(folder_file(folder, "main.cf"), folder->arena,
                                   &settings, &warnings, &folder->why),
                     0);
    assert_int_equal(settings.n, 500);
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        assert_string_equal(settings_find(&settings, str_of(name))->value + 1, name + 1);
    }
    assert_null(settings_find(&settings, STR("n500")));
    assert_int_equal(warnings.n, 0);
}

static void takes_the_last_option(void **state)
{
    static const char *const list[] = {"a=1", "{ b = x y }", "a=2", NULL};
    struct folder *folder = *state;
    struct settings settings;

    assert_int_equal(settings_of_options(list, folder->arena, &settings, &folder->why),
                     0);
    assert_int_equal(settings.n, 2);
    assert_string_equal(settings_find(&settings, STR("a"))->value, "2");
    assert_string_equal(settings_find(&settings, STR("b"))->value, "x y");
    assert_int_equal(settings_find(&settings, STR("b"))->line, 0);
    assert_int_equal(settings_of_options(NULL, folder->arena, &settings, &folder->why),
                     0);
    assert_null(settings_find(&settings, STR("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_at_the_first_equals_sign),
        folder_test(finds_each_of_many),
        folder_test(takes_the_last_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
