/*
 * What every unit test includes: cmocka, and assertions that name the data row.
 *
 * A test file holds its rows first and then one function per sentence:
 *
 *     for (size_t i = 0; i < ROWS(splits); i++)
 *         ROW_EQ(splits[i].input, got.user, splits[i].user);
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "util/str.h"

#include <stdio.h>
#include <string.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Compare a struct str with a C string; on failure name the row. */
#define ROW_EQ(row, got, want)                                                           \
    do {                                                                                 \
        struct str row_got = (got);                                                      \
        const char *row_want = (want);                                                   \
        if (row_got.n != strlen(row_want) ||                                             \
            memcmp(row_got.n ? row_got.p : "", row_want, row_got.n) != 0)                \
            fail_msg("row \"%s\": got \"%.*s\", want \"%s\"", (row), (int)row_got.n,     \
                     row_got.n ? row_got.p : "", row_want);                              \
    } while (0)

/* Compare two C strings, either may be NULL; on failure name the row. */
#define ROW_TEXT(row, got, want)                                                         \
    do {                                                                                 \
        const char *row_got = (got), *row_want = (want);                                 \
        if ((row_got == NULL) != (row_want == NULL) ||                                   \
            (row_got && strcmp(row_got, row_want) != 0))                                 \
            fail_msg("row \"%s\": got \"%s\", want \"%s\"", (row),                       \
                     row_got ? row_got : "(null)", row_want ? row_want : "(null)");      \
    } while (0)

/* Compare two integers; on failure name the row. */
#define ROW_INT(row, got, want)                                                          \
    do {                                                                                 \
        long long row_got = (got), row_want = (want);                                    \
        if (row_got != row_want)                                                         \
            fail_msg("row \"%s\": got %lld, want %lld", (row), row_got, row_want);       \
    } while (0)

#endif
