/*
 * Arenas: blocks in a chain, filled from the front. A request that does not
 * fit gets a block of its own or starts the next one, twice as large as the
 * last, so that a big arena costs few calls of malloc. A reset keeps the
 * largest block only when it is of modest size: one huge message must not
 * stay in memory for the life of a process.
 */
#include "util/arena.h"

#include "util/format.h"
#include "util/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_BLOCK = 2048, LARGEST_BLOCK = 65536, ALIGNMENT = 16 };

struct block {
    struct block *next;
    size_t size, used;
    _Alignas(ALIGNMENT) char bytes[];
};

struct arena {
    const char *lifetime;
    struct block *blocks; /* the one being filled first */
    size_t handed_out;
};

struct arena *arena_new(const char *lifetime)
{
    struct arena *arena = calloc(1, sizeof(*arena));

    if (arena == NULL)
        fatal("out of memory: arena \"%s\"", lifetime);
    arena->lifetime = lifetime;
    return arena;
}

static void free_blocks(struct block *block)
{
    while (block != NULL) {
        struct block *next = block->next;

        free(block);
        block = next;
    }
}

void arena_free(struct arena *arena)
{
    if (arena == NULL)
        return;
    free_blocks(arena->blocks);
    free(arena);
}

void arena_wipe(struct arena *arena)
{
    for (struct block *block = arena->blocks; block != NULL; block = block->next)
        explicit_bzero(block->bytes, block->size);
    arena_free(arena);
}

void arena_reset(struct arena *arena)
{
    struct block *kept = NULL, *next;

    if (arena->blocks == NULL ||
        (arena->blocks->used == 0 && arena->blocks->next == NULL))
        return;
    for (struct block *block = arena->blocks; block != NULL; block = next) {
        next = block->next;
        if (block->size <= LARGEST_BLOCK && (kept == NULL || block->size > kept->size)) {
            free(kept);
            kept = block;
        } else {
            free(block);
        }
    }
    if (kept != NULL) {
        kept->next = NULL;
        kept->used = 0;
    }
    arena->blocks = kept;
    arena->handed_out = 0;
}

/* Put a block with room for n bytes in front. */
static struct block *add_block(struct arena *arena, size_t n)
{
    size_t size = arena->blocks ? arena->blocks->size * 2 : FIRST_BLOCK;
    struct block *block;

    if (size > LARGEST_BLOCK)
        size = LARGEST_BLOCK;
    if (size < n)
        size = n;
    block = malloc(sizeof(*block) + size);
    if (block == NULL)
        fatal("out of memory: %zu bytes in arena \"%s\" of %zu bytes", n, arena->lifetime,
              arena->handed_out);
    *block = (struct block){.next = arena->blocks, .size = size};
    arena->blocks = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t n)
{
    struct block *block = arena->blocks;
    size_t rounded;
    void *p;

    if (n > SIZE_MAX / 4)
        fatal("out of memory: %zu bytes in arena \"%s\"", n, arena->lifetime);
    rounded = n ? (n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT;
    if (block == NULL || block->size - block->used < rounded)
        block = add_block(arena, rounded);
    p = block->bytes + block->used;
    block->used += rounded;
    arena->handed_out += n;
    return memset(p, 0, rounded);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t n;

    if (__builtin_mul_overflow(count, size, &n))
        fatal("out of memory: %zu times %zu bytes in arena \"%s\"", count, size,
              arena->lifetime);
    return arena_alloc(arena, n);
}

char *arena_copy(struct arena *arena, const char *text)
{
    return text ? arena_copy_str(arena, str_of(text)) : NULL;
}

char *arena_copy_str(struct arena *arena, struct str s)
{
    char *copy = arena_alloc(arena, s.n + 1);

    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    char short_text[200], *text;
    va_list again;
    int n;

    va_copy(again, args);
    n = format_va(short_text, sizeof(short_text), format, args);
    if (n < 0)
        panic("arena_printf: bad format \"%s\"", format);
    text = arena_alloc(arena, (size_t)n + 1);
    if ((size_t)n < sizeof(short_text))
        memcpy(text, short_text, (size_t)n + 1);
    else
        format_va(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

size_t arena_used(const struct arena *arena)
{
    return arena->handed_out;
}
