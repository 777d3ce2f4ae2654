/*
 * printf for the few directives that nearly all of our texts are made of.
 *
 * A message passes some hundred small texts: log lines, replies, attributes,
 * file names. libc's vsnprintf sets up a stream for each, which was a fifth of
 * all our computing for a message; this one does not.
 */
#ifndef UTIL_FORMAT_H
#define UTIL_FORMAT_H

#include "util/attributes.h"

#include <stdarg.h>
#include <stddef.h>

/*
 * As vsnprintf(3) and snprintf(3): at most size bytes with the NUL go to p (p may be NULL
 * when size is 0), and the result is the length of the whole text, or < 0.
 *
 * Done here: %s %.*s %.5s %c %d %i %u %x %X with h l ll z, field widths and the flag 0,
 * %%. A format with anything else is handed to libc as it is.
 */
int format_va(char *p, size_t size, const char *format, va_list args) PRINTF_LIKE(3, 0);
int format_text(char *p, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
