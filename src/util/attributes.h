/* Compiler attributes used across the tree, under names that read well. */
#ifndef UTIL_ATTRIBUTES_H
#define UTIL_ATTRIBUTES_H

#define MUST_CHECK               __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define NO_RETURN                __attribute__((noreturn))

#define COUNT(array)             (sizeof(array) / sizeof((array)[0]))

#endif
