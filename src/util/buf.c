/*
 * Growing buffers. Memory doubles, so that n bytes cost O(n) copying; sizes
 * are checked against the maximum before anything is added, so that no sum can
 * wrap around. Before the first byte, p points to a constant empty text.
 */
#include "util/buf.h"

#include "util/format.h"
#include "util/log.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_SIZE = 128 };

static const char empty_text[1] = "";

void buf_init(struct buf *b, size_t max)
{
    *b =
        (struct buf){.p = (char *)empty_text, .max = max < SIZE_MAX ? max : SIZE_MAX - 1};
}

void buf_done(struct buf *b)
{
    if (b->size > 0)
        free(b->p);
    *b = (struct buf){.p = (char *)empty_text, .max = b->max};
}

void buf_wipe(struct buf *b)
{
    if (b->size > 0)
        explicit_bzero(b->p, b->size);
    buf_done(b);
}

static void terminate(struct buf *b)
{
    if (b->size > 0)
        b->p[b->n] = '\0';
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    terminate(b);
}

void buf_cut(struct buf *b, size_t n)
{
    if (n > b->n)
        panic("buf_cut: %zu bytes of %zu", n, b->n);
    b->n = n;
    terminate(b);
}

void buf_shift(struct buf *b, size_t n)
{
    if (n > b->n)
        panic("buf_shift: %zu bytes of %zu", n, b->n);
    if (n == 0)
        return;
    memmove(b->p, b->p + n, b->n - n);
    buf_cut(b, b->n - n);
}

/* Make the memory hold at least `want` bytes and the NUL. */
static void grow(struct buf *b, size_t want)
{
    size_t size = b->size ? b->size : FIRST_SIZE;
    char *p;

    while (size <= want && size <= b->max / 2)
        size *= 2;
    if (size <= want)
        size = b->max + 1;
    p = realloc(b->size ? b->p : NULL, size);
    if (p == NULL)
        fatal("out of memory: buffer of %zu bytes", size);
    b->p = p;
    b->size = size;
    terminate(b);
}

char *buf_make_room(struct buf *b, size_t n)
{
    if (n > b->max - b->n)
        fatal("buffer limit exceeded: %zu bytes more than the %zu of %zu bytes", n, b->n,
              b->max);
    if (b->size == 0 || b->size - b->n <= n)
        grow(b, b->n + n);
    return b->p + b->n;
}

void buf_added_too_many(const struct buf *b, size_t n)
{
    panic("buf_added: %zu bytes were not reserved, after %zu of %zu", n, b->n, b->size);
}

void buf_add_repeat(struct buf *b, char c, size_t n)
{
    memset(buf_reserve(b, n), c, n);
    buf_added(b, n);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    buf_vprintf(b, format, args);
    va_end(args);
}

void buf_vprintf(struct buf *b, const char *format, va_list args)
{
    size_t room = b->size ? b->size - b->n : 0;
    va_list again;
    int n;

    va_copy(again, args);
    n = format_va(room ? b->p + b->n : NULL, room, format, args);
    if (n < 0)
        panic("buf_printf: bad format \"%s\"", format);
    if ((size_t)n >= room)
        format_va(buf_reserve(b, (size_t)n), (size_t)n + 1, format, again);
    else if ((size_t)n > b->max - b->n)
        buf_reserve(b, (size_t)n); /* ends the process */
    va_end(again);
    buf_added(b, (size_t)n);
}
