#include "death.h"

#include "util/buf.h"

#include <signal.h>

static void grows_and_stays_terminated(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100000);
    assert_string_equal(buf_text(&b), "");
    for (int i = 0; i < 10000; i++)
        buf_printf(&b, "%d,", i % 10);
    assert_int_equal(b.n, 20000);
    assert_int_equal(b.p[b.n], '\0');
    assert_memory_equal(b.p + 19990, "5,6,7,8,9,", 10);
    assert_true(b.size <= b.max + 1);
    buf_done(&b);
    buf_done(&b);
}

static void can_be_filled_to_its_maximum(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    buf_add_repeat(&b, 'x', 99);
    buf_printf(&b, "y");
    assert_int_equal(b.n, 100);
    assert_int_equal(b.p[99], 'y');
    buf_done(&b);
}

static void shortens_at_both_ends(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    buf_add_text(&b, "abcdef");
    buf_shift(&b, 2);
    assert_string_equal(buf_text(&b), "cdef");
    buf_cut(&b, 1);
    assert_string_equal(buf_text(&b), "c");
    buf_reset(&b);
    assert_string_equal(buf_text(&b), "");
    buf_shift(&b, 0);
    buf_done(&b);
}

static void keeps_nul_bytes(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    buf_add(&b, "a\0b", 3);
    buf_add_char(&b, '\0');
    buf_add_str(&b, STR("c"));
    buf_add_str(&b, STR_NONE);
    assert_int_equal(b.n, 5);
    assert_memory_equal(b.p, "a\0b\0c", 6);
    buf_done(&b);
}

static void lends_room(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 5000);
    memcpy(buf_reserve(&b, 3000), "xyz", 3);
    buf_added(&b, 3);
    assert_string_equal(buf_text(&b), "xyz");
    buf_done(&b);
}

static void overflow(void)
{
    struct buf b;

    buf_init(&b, 10);
    buf_add_text(&b, "0123456789");
    buf_add_char(&b, 'x');
}

static void overflow_by_printf(void)
{
    struct buf b;

    buf_init(&b, 10);
    buf_printf(&b, "%s", "01234567890");
}

static void huge(void)
{
    struct buf b;

    buf_init(&b, SIZE_MAX);
    buf_add_char(&b, 'x');
    buf_reserve(&b, SIZE_MAX - 1);
}

static void cut_beyond(void)
{
    struct buf b;

    buf_init(&b, 10);
    buf_cut(&b, 1);
}

static void ends_the_process_beyond_its_maximum(void **state)
{
    char text[500];

    (void)state;
    assert_int_equal(death_of(overflow, text, sizeof(text)), 1);
    assert_non_null(strstr(text, "fatal: buffer limit exceeded"));
    assert_int_equal(death_of(overflow_by_printf, text, sizeof(text)), 1);
    assert_non_null(strstr(text, "fatal: buffer limit exceeded"));
    assert_int_equal(death_of(huge, text, sizeof(text)), 1);
    assert_int_equal(death_of(cut_beyond, text, sizeof(text)), -SIGABRT);
    assert_non_null(strstr(text, "panic: buf_cut: 1 bytes of 0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_stays_terminated),
        cmocka_unit_test(can_be_filled_to_its_maximum),
        cmocka_unit_test(shortens_at_both_ends),
        cmocka_unit_test(keeps_nul_bytes),
        cmocka_unit_test(lends_room),
        cmocka_unit_test(ends_the_process_beyond_its_maximum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
