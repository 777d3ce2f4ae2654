/* Reads the escapes of such a filter, and lets values through; see byte_filter.h. */
#include "mail/byte_filter.h"

#include <stddef.h>

/* What follows a backslash: the byte, and in *n how many characters it took. */
static unsigned char escaped(const char *p, size_t *n)
{
    static const char letters[] = "a\ab\bf\fn\nr\rt\tv\v";
    unsigned value = 0;

    for (*n = 0; *n < 3 && p[*n] >= '0' && p[*n] <= '7'; ++*n)
        value = value * 8 + (unsigned)(p[*n] - '0');
    if (*n > 0)
        return (unsigned char)value;
    *n = 1;
    for (size_t i = 0; i + 1 < sizeof letters; i += 2)
        if (letters[i] == *p)
            return (unsigned char)letters[i + 1];
    return (unsigned char)*p;
}

void byte_filter_read(const char *filter, bool ret[static 256])
{
    size_t n;

    for (size_t i = 0; i < 256; i++)
        ret[i] = false;
    for (; *filter; filter += n) {
        n = 1;
        if (*filter == '\\' && filter[1]) {
            ret[escaped(filter + 1, &n)] = true;
            n++;
        } else {
            ret[(unsigned char)*filter] = true;
        }
    }
}

const char *byte_filter_value(const bool may[static 256], const char *value,
                              struct arena *arena)
{
    char *text = arena_array(arena, 2 * strlen(value) + 1, 1), *to = text;

    for (; *value; value++) {
        char c = may[(unsigned char)*value] ? *value : '_';

        if (c == '$')
            *to++ = '$';
        *to++ = c;
    }
    *to = '\0';
    return text;
}
