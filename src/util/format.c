/*
 * One pass over the format; whatever is not known ends the pass, and libc
 * starts from the beginning with the arguments as they came, so the two can
 * never disagree about what they do not both know.
 */
#include "util/format.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

/* Where the text goes; n counts also what did not fit. */
struct sink {
    char *p;
    size_t size, n;
};

static void put(struct sink *out, const char *text, size_t n)
{
    if (out->n < out->size)
        memcpy(out->p + out->n, text, n < out->size - out->n ? n : out->size - out->n);
    out->n += n;
}

static void pad(struct sink *out, char with, size_t width, size_t n)
{
    for (; n < width; n++, out->n++)
        if (out->n < out->size)
            out->p[out->n] = with;
}

/* The text up to the next directive or the end; mostly a few bytes, so without a call. */
static const char *put_plain(struct sink *out, const char *at)
{
    size_t n = out->n;

    for (; *at != '%' && *at != '\0'; at++, n++)
        if (n < out->size)
            out->p[n] = *at;
    out->n = n;
    return at;
}

/* What stands between % and the conversion. */
struct directive {
    bool zeros;
    size_t width, precision; /* precision: SIZE_MAX = none */
    enum size { SIZE_INT, SIZE_SHORT, SIZE_LONG, SIZE_LONG_LONG, SIZE_SIZE } size;
};

static size_t take_number(const char **at)
{
    size_t n = 0;

    while (**at >= '0' && **at <= '9' && n < INT_MAX / 10)
        n = n * 10 + (size_t)(*(*at)++ - '0');
    return n;
}

static enum size take_size(const char **at)
{
    switch (**at) {
    case 'h':
        ++*at;
        return SIZE_SHORT;
    case 'l':
        if (*++*at != 'l')
            return SIZE_LONG;
        ++*at;
        return SIZE_LONG_LONG;
    case 'z':
        ++*at;
        return SIZE_SIZE;
    default:
        return SIZE_INT;
    }
}

static intmax_t signed_argument(enum size size, va_list *args)
{
    switch (size) {
    case SIZE_LONG:
        return va_arg(*args, long);
    case SIZE_LONG_LONG:
        return va_arg(*args, long long);
    case SIZE_SIZE:
        return va_arg(*args, ssize_t);
    case SIZE_SHORT:
        return (short)va_arg(*args, int);
    default:
        return va_arg(*args, int);
    }
}

static uintmax_t unsigned_argument(enum size size, va_list *args)
{
    switch (size) {
    case SIZE_LONG:
        return va_arg(*args, unsigned long);
    case SIZE_LONG_LONG:
        return va_arg(*args, unsigned long long);
    case SIZE_SIZE:
        return va_arg(*args, size_t);
    case SIZE_SHORT:
        return (unsigned short)va_arg(*args, unsigned);
    default:
        return va_arg(*args, unsigned);
    }
}

/* The digits of a number, which end at `end`; where they begin. Constant bases: dividing
 * by a variable takes the processor longer than all the rest. */
static char *digits_of(char *end, uintmax_t number, char conversion)
{
    const char *symbols = conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";

    if (conversion == 'x' || conversion == 'X')
        do
            *--end = symbols[number % 16];
        while ((number /= 16) > 0);
    else
        do
            *--end = (char)('0' + number % 10);
        while ((number /= 10) > 0);
    return end;
}

static void put_number(struct sink *out, const struct directive *d, bool negative,
                       uintmax_t number, char conversion)
{
    char digits[24];
    size_t at = (size_t)(digits_of(digits + sizeof(digits), number, conversion) - digits);

    if (!d->zeros)
        pad(out, ' ', d->width, sizeof(digits) - at + negative);
    if (negative)
        put(out, "-", 1);
    if (d->zeros)
        pad(out, '0', d->width, sizeof(digits) - at + negative);
    put(out, digits + at, sizeof(digits) - at);
}

static void put_signed(struct sink *out, const struct directive *d, va_list *args)
{
    intmax_t number = signed_argument(d->size, args);
    uintmax_t magnitude = number < 0 ? 0 - (uintmax_t)number : (uintmax_t)number;

    put_number(out, d, number < 0, magnitude, 'd');
}

static void put_string(struct sink *out, const struct directive *d, const char *text)
{
    size_t n;

    if (text == NULL)
        text = "(null)"; /* as libc */
    n = d->precision == SIZE_MAX ? strlen(text) : strnlen(text, d->precision);
    pad(out, ' ', d->width, n);
    put(out, text, n);
}

/* The conversion at *at, a text or a number; false when it is not known here. */
static bool convert(struct sink *out, const struct directive *d, char conversion,
                    va_list *args)
{
    bool numeric = conversion != 's' && conversion != 'c';
    char c;

    if (numeric ? d->precision != SIZE_MAX : d->zeros || d->size != SIZE_INT)
        return false;
    switch (conversion) {
    case 's':
        put_string(out, d, va_arg(*args, const char *));
        return true;
    case 'c':
        c = (char)va_arg(*args, int);
        pad(out, ' ', d->width, 1);
        put(out, &c, 1);
        return true;
    case 'd':
    case 'i':
        put_signed(out, d, args);
        return true;
    case 'u':
    case 'x':
    case 'X':
        put_number(out, d, false, unsigned_argument(d->size, args), conversion);
        return true;
    default:
        return false;
    }
}

/* ".5", ".*", or nothing; false when it is not known here. */
static bool take_precision(const char **at, va_list *args, size_t *ret)
{
    int given;

    *ret = SIZE_MAX;
    if (**at != '.')
        return true;
    if (*++*at != '*') {
        *ret = take_number(at);
        return true;
    }
    ++*at;
    given = va_arg(*args, int);
    if (given >= 0)
        *ret = (size_t)given;
    return given >= 0;
}

/* Flags, width and precision; false when they are not known here. */
static bool take_form(const char **at, va_list *args, struct directive *d)
{
    d->zeros = **at == '0';
    if (d->zeros)
        ++*at;
    d->width = take_number(at);
    return take_precision(at, args, &d->precision);
}

/* One directive, *at behind its %. Letters come behind digits and marks, in ASCII too. */
static bool put_directive(struct sink *out, const char **at, va_list *args)
{
    struct directive d = {.precision = SIZE_MAX};

    if (**at < 'A' && !take_form(at, args, &d))
        return false;
    d.size = take_size(at);
    return convert(out, &d, *(*at)++, args);
}

static bool put_all(struct sink *out, const char *at, va_list *args)
{
    while (*(at = put_plain(out, at)) != '\0') {
        if (*++at == '%')
            put(out, at++, 1);
        else if (!put_directive(out, &at, args))
            return false;
    }
    return true;
}

int format_va(char *p, size_t size, const char *format, va_list args)
{
    struct sink out = {p, size, 0};
    va_list mine;
    bool known;

    va_copy(mine, args);
    known = put_all(&out, format, &mine);
    va_end(mine);
    if (!known)
        return vsnprintf(p, size, format, args);
    if (out.n > INT_MAX)
        return -1;
    if (size > 0)
        p[out.n < size ? out.n : size - 1] = '\0';
    return (int)out.n;
}

int format_text(char *p, size_t size, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = format_va(p, size, format, args);
    va_end(args);
    return n;
}
