#include "unit.h"

#include "util/list.h"

static void grows_lists(void **state)
{
    struct arena *arena = arena_new("test");
    struct list list = {0};
    static char items[1000];

    (void)state;
    for (size_t i = 0; i < 1000; i++)
        list_add(&list, arena, &items[i]);
    assert_int_equal(list.n, 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_ptr_equal(list.items[i], &items[i]);
    arena_free(arena);
}

static void keeps_texts_usable_as_argv(void **state)
{
    struct arena *arena = arena_new("test");
    struct texts texts = {0};

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        texts_add(&texts, arena, "x");
        assert_int_equal(texts.n, i + 1);
        assert_null(texts.items[texts.n]);
    }
    arena_free(arena);
}

static const struct {
    const char *text;
    bool braced;
    const char *words[5];
} rows[] = {
    {"", false, {NULL}},
    {" , ", false, {NULL}},
    {"a, b c", false, {"a", "b", "c"}},
    {"a {b c}", false, {"a", "{b", "c}"}},
    {"a { b c } d", true, {"a", "b c", "d"}},
    {"{{x}}", true, {"{x}"}},
    {"{x", true, {"{x"}},
    {"{}y", true, {"{}y"}},
    {"x{ b, c }y d", true, {"x{ b, c }y", "d"}},
};

static void splits(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct texts texts = {0};
        size_t n = 0;

        if (rows[i].braced)
            texts_split_braced(&texts, arena, str_of(rows[i].text), ", ");
        else
            texts_split(&texts, arena, str_of(rows[i].text), ", ");
        for (; rows[i].words[n]; n++)
            ROW_TEXT(rows[i].text, n < texts.n ? texts.items[n] : NULL, rows[i].words[n]);
        ROW_INT(rows[i].text, texts.n, n);
    }
    arena_free(arena);
}

static void looks_up_texts(void **state)
{
    struct arena *arena = arena_new("test");
    struct texts texts = {0};

    (void)state;
    assert_false(texts_has(&texts, STR("a"), false));
    texts_split(&texts, arena, STR("Alpha beta"), " ");
    assert_true(texts_has(&texts, STR("beta"), false));
    assert_false(texts_has(&texts, STR("alpha"), false));
    assert_true(texts_has(&texts, STR("alpha"), true));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_lists),
        cmocka_unit_test(keeps_texts_usable_as_argv),
        cmocka_unit_test(splits),
        cmocka_unit_test(looks_up_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
