/*
 * What repetitions in a POSIX regular expression come to. regcomp(3) of glibc copies what
 * "+" and "{n,m}" repeat, so that "a++++++++" doubles at each sign, and forty of them
 * would keep a daemon busy for days.
 */
#ifndef TABLE_REPETITION_H
#define TABLE_REPETITION_H

#include <stdbool.h>

/*
 * Would the expression grow to more than some ten thousand parts? It need not be valid:
 * the rest is for regcomp to say. What grows by nesting is caught, whatever else may be
 * slow is not: "(a?){1000}+" takes regcomp a minute.
 */
bool repetition_is_too_much(const char *expression, bool extended);

#endif
