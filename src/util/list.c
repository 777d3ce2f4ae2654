/*
 * Arrays that grow by doubling inside an arena. The outgrown array stays in
 * the arena until it is reset: at most as much again as the array itself.
 */
#include "util/list.h"

/* A larger copy of an array of pointers. */
static void *larger(struct arena *arena, const void *items, size_t n, size_t *size)
{
    size_t new_size = *size ? *size * 2 : 8;
    void *copy = arena_array(arena, new_size, sizeof(void *));

    if (n > 0)
        memcpy(copy, items, n * sizeof(void *));
    *size = new_size;
    return copy;
}

void list_add(struct list *list, struct arena *arena, void *item)
{
    if (list->n == list->size)
        list->items = larger(arena, list->items, list->n, &list->size);
    list->items[list->n++] = item;
}

/* As arenas hand out zeroed memory, items[n] is NULL without further work. */
void texts_add(struct texts *texts, struct arena *arena, const char *text)
{
    if (texts->n + 1 >= texts->size)
        texts->items = larger(arena, texts->items, texts->n, &texts->size);
    texts->items[texts->n++] = text;
}

void texts_split(struct texts *texts, struct arena *arena, struct str s,
                 const char *separators)
{
    struct str word;

    while ((word = str_word(&s, separators)).n > 0)
        texts_add(texts, arena, arena_copy_str(arena, word));
}

void texts_split_braced(struct texts *texts, struct arena *arena, struct str s,
                        const char *separators)
{
    struct str word, inner;

    for (;;) {
        str_word_braced(&s, separators, &word);
        if (word.n == 0)
            return;
        if (word.p[0] == '{' && str_unbrace(word, &inner))
            word = inner;
        texts_add(texts, arena, arena_copy_str(arena, word));
    }
}

bool texts_has(const struct texts *texts, struct str s, bool fold)
{
    for (size_t i = 0; i < texts->n; i++)
        if (fold ? str_is_nocase(s, texts->items[i]) : str_is(s, texts->items[i]))
            return true;
    return false;
}
