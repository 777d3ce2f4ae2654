#include "unit.h"

#include "util/arena.h"

static void hands_out_zeroed_aligned_memory(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t n = 0; n < 300; n++) {
        char *p = arena_alloc(arena, n);

        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, n);
    }
    assert_int_equal(arena_used(arena), 299 * 300 / 2);
    arena_free(arena);
}

static void forgets_all_at_reset_and_zeroes_again(void **state)
{
    struct arena *arena = arena_new("test");
    char *big;

    (void)state;
    memset(arena_alloc(arena, 100), 'x', 100);
    big = arena_alloc(arena, 1 << 20);
    memset(big, 'x', 1 << 20);
    arena_reset(arena);
    assert_int_equal(arena_used(arena), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(*(char *)arena_alloc(arena, 100), 0);
    arena_free(arena);
    arena_free(NULL);
}

static void copies_texts(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    assert_string_equal(arena_copy(arena, "abc"), "abc");
    assert_null(arena_copy(arena, NULL));
    assert_string_equal(arena_copy_str(arena, str_from("abcdef", 3)), "abc");
    assert_string_equal(arena_copy_str(arena, STR_NONE), "");
    assert_string_equal(arena_printf(arena, "%s-%d", "x", 12), "x-12");
    assert_int_equal(strlen(arena_printf(arena, "%5000d", 1)), 5000);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_out_zeroed_aligned_memory),
        cmocka_unit_test(forgets_all_at_reset_and_zeroes_again),
        cmocka_unit_test(copies_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
