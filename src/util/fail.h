/*
 * Why something failed, in words for the administrator.
 *
 * A library function that can fail returns -1 and fills in a struct fail that
 * its caller passed last. Libraries never log and never exit.
 */
#ifndef UTIL_FAIL_H
#define UTIL_FAIL_H

#include "util/attributes.h"

struct fail {
    int code;       /* errno at the time, or 0 when no system call failed */
    char text[500]; /* one line, NUL-terminated, cut when too long */
};

/*
 * Fill in *why and return -1, so that a caller can write
 * "return fail_set(why, "open %s: %m", path)". "%m" is errno as it was on
 * entry; why->code gets the same errno when the format holds "%m", else 0.
 * A NULL why means that the caller does not need words.
 */
int fail_set(struct fail *why, const char *format, ...) PRINTF_LIKE(2, 3);

/* Put "words: " before the text that is there; returns -1. */
int fail_prefix(struct fail *why, const char *format, ...) PRINTF_LIKE(2, 3);

/* Compilers cannot look into the two, and would warn of results that are not set. */
static inline int fail_result(int minus_one)
{
    (void)minus_one;
    return -1;
}
#define fail_set(...)    fail_result(fail_set(__VA_ARGS__))
#define fail_prefix(...) fail_result(fail_prefix(__VA_ARGS__))

#endif
