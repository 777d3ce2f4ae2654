/*
 * A growing byte buffer that owns its memory.
 *
 * Invariants: b->p is never NULL after buf_init and b->p[b->n] is always NUL
 * (also when the content holds NULs); b->n never exceeds b->max. The maximum
 * is a safety net: untrusted length is checked where it is read; a buffer
 * that would exceed its maximum ends the process with a log line.
 */
#ifndef UTIL_BUF_H
#define UTIL_BUF_H

#include "util/attributes.h"
#include "util/str.h"

#include <stdarg.h>

struct buf {
    char *p;
    size_t n;    /* bytes in use */
    size_t size; /* bytes allocated */
    size_t max;
};

/* Start empty. Allocates nothing until the first byte is added. */
void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b); /* frees; a zeroed or done buf is fine */

/* The same for a secret: clears all its memory first. What it had before it grew is not
 * cleared, so make room (buf_reserve) before the first byte. */
void buf_wipe(struct buf *b);

void buf_reset(struct buf *b);           /* n = 0, memory kept */
void buf_cut(struct buf *b, size_t n);   /* shorten to n bytes; n > b->n is a bug */
void buf_shift(struct buf *b, size_t n); /* drop the first n bytes */

/* Make room for n more bytes and return where they go; then buf_added(b, n) says how many
 * came. */
static inline char *buf_reserve(struct buf *b, size_t n);
static inline void buf_added(struct buf *b, size_t n);

static inline void buf_add(struct buf *b, const void *p, size_t n);
static inline void buf_add_char(struct buf *b, char c);
static inline void buf_add_text(struct buf *b, const char *text);
static inline void buf_add_str(struct buf *b, struct str s);
void buf_add_repeat(struct buf *b, char c, size_t n);
void buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *format, va_list args) PRINTF_LIKE(2, 0);

static inline struct str buf_str(const struct buf *b)
{
    return str_from(b->p, b->n);
}
static inline const char *buf_text(const struct buf *b)
{
    return b->p;
}

/* --- what nearly all bytes of mail pass, in the header for that --------------------- */

/* Do n bytes and their NUL fit into the memory that is there? */
static inline bool buf_has_room(const struct buf *b, size_t n)
{
    return n < b->size - b->n && n <= b->max - b->n;
}

char *buf_make_room(struct buf *b, size_t n);
void buf_added_too_many(const struct buf *b, size_t n);

static inline char *buf_reserve(struct buf *b, size_t n)
{
    return buf_has_room(b, n) ? b->p + b->n : buf_make_room(b, n);
}

static inline void buf_added(struct buf *b, size_t n)
{
    if (buf_has_room(b, n)) {
        b->n += n;
        b->p[b->n] = '\0';
    } else if (n > 0) {
        buf_added_too_many(b, n);
    }
}

static inline void buf_add(struct buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    memcpy(buf_reserve(b, n), p, n);
    buf_added(b, n);
}

static inline void buf_add_char(struct buf *b, char c)
{
    *buf_reserve(b, 1) = c;
    buf_added(b, 1);
}

static inline void buf_add_text(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

static inline void buf_add_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

#endif
