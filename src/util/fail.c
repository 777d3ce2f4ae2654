/*
 * Failure texts. The errno of the caller is taken first, since formatting may
 * change it, and is left as it was found.
 */
#include "util/fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Does the format hold a "%m"? "%%m" does not. */
static bool tells_errno(const char *format)
{
    for (const char *p = strchr(format, '%'); p != NULL; p = strchr(p + 2, '%')) {
        if (p[1] == 'm')
            return true;
        if (p[1] == '\0')
            return false;
    }
    return false;
}

int(fail_set)(struct fail *why, const char *format, ...)
{
    int code = errno;
    char text[sizeof(why->text)]; /* an argument may be why->text itself */
    va_list args;

    if (why == NULL)
        return -1;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    why->code = tells_errno(format) ? code : 0;
    memcpy(why->text, text, strlen(text) + 1);
    errno = code;
    return -1;
}

int(fail_prefix)(struct fail *why, const char *format, ...)
{
    int code = errno;
    char words[sizeof(why->text)], whole[2 * sizeof(why->text) + 2];
    va_list args;

    if (why == NULL)
        return -1;
    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    snprintf(whole, sizeof(whole), "%s: %s", words, why->text);
    snprintf(why->text, sizeof(why->text), "%.*s", (int)sizeof(why->text) - 1, whole);
    errno = code;
    return -1;
}
