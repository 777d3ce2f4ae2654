#include "unit.h"

#include "util/format.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Ours and libc's must agree on the text and on its length, cut off or not. */
#define SAME(...)                                                                        \
    do {                                                                                 \
        for (volatile size_t size = 0; size < 40; size++) {                              \
            char ours[64] = "unset", libc[64] = "unset";                                 \
            int want = snprintf(libc, size, __VA_ARGS__);                                \
                                                                                         \
            assert_int_equal(format_text(ours, size, __VA_ARGS__), want);                \
            assert_memory_equal(ours, libc, sizeof(ours));                               \
        }                                                                                \
    } while (0)

static void writes_texts_as_libc(void **state)
{
    (void)state;
    SAME("plain");
    SAME("%s", "");
    SAME("100%% of %s, %s", "one", "two");
    SAME("%.*s|%.3s|%.0s|%.*s", 2, "abc", "abcdef", "x", 9, "abc");
    SAME("%8s|%2s", "right", "longer");
    SAME("%c%c", 'x', '\0');
}

static void writes_numbers_as_libc(void **state)
{
    (void)state;
    SAME("%d %d %i", 0, -1, INT_MIN);
    SAME("%ld %lld", LONG_MIN, LLONG_MAX);
    SAME("%u %lu %llu %zu", UINT_MAX, ULONG_MAX, ULLONG_MAX, (size_t)7);
    SAME("%x %X %lx", 0xbeefU, 0xbeefU, ULONG_MAX);
    SAME("%02d:%5d:%05d:%-5d|", 7, -42, -42, 3);
    SAME("%15ld %15ld", 4376L, -1L);
    SAME("%hd %hu", (short)-3, (unsigned short)65535);
}

static void leaves_the_rest_to_libc(void **state)
{
    (void)state;
    SAME("%s %.2f %s", "a", 2.5, "b");
    SAME("%-6s|%+d|% d|%#x|%.4d", "ab", 5, 5, 255U, 42);
    SAME("%*d|%.*s", 5, 42, -1, "whole");
    SAME("%p", (void *)0);
    errno = ENOENT;
    SAME("open %s: %m", "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_texts_as_libc),
        cmocka_unit_test(writes_numbers_as_libc),
        cmocka_unit_test(leaves_the_rest_to_libc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
