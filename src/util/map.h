/*
 * A hash table from text to pointer. Owns copies of its keys; values belong
 * to the caller. Iteration order is unspecified. The hash is keyed with a
 * random seed a table, so that peers cannot choose colliding keys.
 */
#ifndef UTIL_MAP_H
#define UTIL_MAP_H

#include "util/str.h"

struct map;

struct map *map_new(void);
/* Frees the table; when free_value is not NULL it is called for each value. */
void map_free(struct map *map, void (*free_value)(void *value));

size_t map_count(const struct map *map);
void *map_get(const struct map *map, struct str key); /* NULL = not there */
/* Add or replace; returns the value replaced, or NULL. value must not be NULL. */
void *map_set(struct map *map, struct str key, void *value);
void *map_remove(struct map *map, struct str key); /* the value, or NULL */

/* Call visit for each entry; it may remove the entry it is called for, nothing else. */
void map_each(struct map *map, void (*visit)(void *context, struct str key, void *value),
              void *context);

#endif
