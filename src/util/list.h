/*
 * Arrays that grow, of pointers or small structs, living in an arena; and a
 * hash map from text to pointer for registries and caches.
 */
#ifndef UTIL_LIST_H
#define UTIL_LIST_H

#include "util/arena.h"

/* An array of pointers; elements live wherever they live. Zeroed = empty. */
struct list {
    void **items;
    size_t n, size;
};
void list_add(struct list *list, struct arena *arena, void *item);

/* An array of NUL-terminated texts, also usable as argv: items[n] is NULL once one was
 * added. */
struct texts {
    const char **items;
    size_t n, size;
};
void texts_add(struct texts *texts, struct arena *arena, const char *text);
/* Split at any byte of separators, no empty words; the copies live in arena. */
void texts_split(struct texts *texts, struct arena *arena, struct str s,
                 const char *separators);
/* As texts_split, but "{ ... }" stays one word, without its outer braces. */
void texts_split_braced(struct texts *texts, struct arena *arena, struct str s,
                        const char *separators);
bool texts_has(const struct texts *texts, struct str s, bool fold);

#endif
