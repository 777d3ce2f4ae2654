/*
 * The two shapes of a queue id, and the names of hash directories.
 *
 * compat: digits, paddings and the rule that tells the shapes apart (the last
 * 'z' at index 10 or later makes an id long) are those of the file format.
 */
#include "queue/id.h"

#include "util/format.h"

#include <stdio.h>

/* 52 digits without vowels; the 51 before 'z' write the inode. */
static const char digits[] = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";

enum {
    BASE_TIME = 52,
    BASE_INODE = 51,
    SECONDS_WIDTH = 6,
    MICROSECONDS_WIDTH = 4,
    SHORT_MICROSECONDS_WIDTH = 5,
    LONG_SEPARATOR_AT = SECONDS_WIDTH + MICROSECONDS_WIDTH,
};

/* Write n in the given base with at least width digits at p; returns the digits written.
 */
static size_t write_number(uint64_t n, unsigned base, size_t width, char *p)
{
    char reversed[64];
    size_t count = 0;

    do {
        reversed[count++] = digits[n % base];
        n /= base;
    } while (n > 0 || count < width);
    for (size_t i = 0; i < count; i++)
        p[i] = reversed[count - 1 - i];
    return count;
}

/* Read all of s; false on another byte, nothing, or more than 64 bits. */
static bool read_number(struct str s, unsigned base, uint64_t *ret)
{
    uint64_t n = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        const char *digit = s.p[i] ? strchr(digits, s.p[i]) : NULL;
        unsigned value = digit ? (unsigned)(digit - digits) : base;

        if (value >= base || __builtin_mul_overflow(n, base, &n) ||
            __builtin_add_overflow(n, value, &n))
            return false;
    }
    *ret = n;
    return true;
}

/* As read_number, in upper-case hexadecimal. */
static bool read_hex(struct str s, uint64_t *ret)
{
    uint64_t n = 0;

    if (s.n == 0 || s.n > 16)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c >= '0' && c <= '9')
            n = n << 4 | (unsigned)(c - '0');
        else if (c >= 'A' && c <= 'F')
            n = n << 4 | (unsigned)(c - 'A' + 10);
        else
            return false;
    }
    *ret = n;
    return true;
}

void queue_id_make(struct timeval when, uint64_t inode, bool is_long,
                   char ret[QUEUE_ID_SIZE])
{
    size_t n;

    if (!is_long) {
        format_text(ret, QUEUE_ID_SIZE, "%05lX%lX", (unsigned long)when.tv_usec,
                    (unsigned long)inode);
        return;
    }
    n = write_number((uint64_t)when.tv_sec, BASE_TIME, SECONDS_WIDTH, ret);
    n += write_number((uint64_t)when.tv_usec, BASE_TIME, MICROSECONDS_WIDTH, ret + n);
    ret[n++] = 'z';
    n += write_number(inode, BASE_INODE, 1, ret + n);
    ret[n] = '\0';
}

bool queue_id_valid(struct str name)
{
    return name.n > 0 && name.n <= QUEUE_ID_MAX &&
           str_span(name, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                          "abcdefghijklmnopqrstuvwxyz_") == name.n;
}

static bool decode_long(struct str id, size_t separator, struct queue_id_parts *ret)
{
    struct str seconds = str_head(id, separator - MICROSECONDS_WIDTH);
    struct str fraction = str_tail(str_head(id, separator), seconds.n);
    struct queue_id_parts parts = {.is_long = true};
    uint64_t microseconds;

    if (!read_number(seconds, BASE_TIME, &parts.seconds) ||
        !read_number(fraction, BASE_TIME, &microseconds) || microseconds > 999999 ||
        !read_number(str_tail(id, separator + 1), BASE_INODE, &parts.inode))
        return false;
    parts.microseconds = (uint32_t)microseconds;
    *ret = parts;
    return true;
}

bool queue_id_decode(struct str id, struct queue_id_parts *ret)
{
    size_t separator = str_find_last(id, 'z');
    struct queue_id_parts parts = {0};
    uint64_t microseconds;

    if (!queue_id_valid(id))
        return false;
    if (separator < id.n && separator >= LONG_SEPARATOR_AT)
        return decode_long(id, separator, ret);
    if (!read_hex(str_head(id, SHORT_MICROSECONDS_WIDTH), &microseconds) ||
        microseconds > 999999 ||
        !read_hex(str_tail(id, SHORT_MICROSECONDS_WIDTH), &parts.inode))
        return false;
    parts.microseconds = (uint32_t)microseconds;
    *ret = parts;
    return true;
}

void queue_id_hash(struct str id, int depth, char ret[QUEUE_ID_DEPTH_MAX + 1])
{
    struct queue_id_parts parts;
    char hex[16];

    if (depth > QUEUE_ID_DEPTH_MAX)
        depth = QUEUE_ID_DEPTH_MAX;
    if (queue_id_decode(id, &parts) && parts.is_long) {
        snprintf(hex, sizeof(hex), "%05X", parts.microseconds);
        id = str_of(hex);
    }
    for (int i = 0; i < depth; i++)
        ret[i] = (size_t)i < id.n ? id.p[i] : '_';
    ret[depth > 0 ? depth : 0] = '\0';
}
