/*
 * A hash table with chains, so that an entry can be removed while its
 * neighbours are visited. The hash is SipHash-2-4 (Aumasson and Bernstein,
 * 2012) under a random key: addresses and names come from peers.
 */
#include "util/map.h"

#include "util/log.h"
#include "util/platform.h"

#include <stdint.h>
#include <stdlib.h>

enum { FIRST_SLOTS = 16 };

struct entry {
    struct entry *next;
    void *value;
    uint64_t hash;
    size_t n;
    char key[];
};

struct map {
    struct entry **slots;
    size_t mask; /* number of slots - 1; a power of two less one */
    size_t count;
    uint64_t seed[2];
};

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static void sip_rounds(uint64_t v[4], int rounds)
{
    while (rounds-- > 0) {
        v[0] += v[1];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[0] = rotate(v[0], 32);
        v[2] += v[3];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

static uint64_t hash_of(const uint64_t seed[2], struct str key)
{
    uint64_t v[4] = {
        seed[0] ^ 0x736f6d6570736575,
        seed[1] ^ 0x646f72616e646f6d,
        seed[0] ^ 0x6c7967656e657261,
        seed[1] ^ 0x7465646279746573,
    };
    size_t left = key.n;
    const char *p = key.p;
    uint64_t word;

    for (; left >= 8; left -= 8, p += 8) {
        memcpy(&word, p, 8);
        v[3] ^= word;
        sip_rounds(v, 2);
        v[0] ^= word;
    }
    word = (uint64_t)key.n << 56;
    for (size_t i = 0; i < left; i++)
        word |= (uint64_t)(unsigned char)p[i] << (8 * i);
    v[3] ^= word;
    sip_rounds(v, 2);
    v[0] ^= word;
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void *allocate(size_t count, size_t size)
{
    void *p = calloc(count, size);

    if (p == NULL)
        fatal("out of memory: %zu times %zu bytes in a map", count, size);
    return p;
}

struct map *map_new(void)
{
    struct map *map = allocate(1, sizeof(*map));

    map->slots = allocate(FIRST_SLOTS, sizeof(struct entry *));
    map->mask = FIRST_SLOTS - 1;
    platform_random(map->seed, sizeof(map->seed));
    return map;
}

void map_free(struct map *map, void (*free_value)(void *value))
{
    if (map == NULL)
        return;
    for (size_t i = 0; i <= map->mask; i++) {
        for (struct entry *entry = map->slots[i], *next; entry != NULL; entry = next) {
            next = entry->next;
            if (free_value)
                free_value(entry->value);
            free(entry);
        }
    }
    free(map->slots);
    free(map);
}

size_t map_count(const struct map *map)
{
    return map->count;
}

/* The link that points to the entry of this key, or to the NULL at the end of its chain.
 */
static struct entry **find(const struct map *map, struct str key, uint64_t hash)
{
    struct entry **link = &map->slots[hash & map->mask];

    while (*link != NULL &&
           ((*link)->hash != hash || !str_eq(str_from((*link)->key, (*link)->n), key)))
        link = &(*link)->next;
    return link;
}

void *map_get(const struct map *map, struct str key)
{
    struct entry *entry = *find(map, key, hash_of(map->seed, key));

    return entry ? entry->value : NULL;
}

static void grow(struct map *map)
{
    size_t slots = (map->mask + 1) * 2;
    struct entry **larger = allocate(slots, sizeof(*larger));

    for (size_t i = 0; i <= map->mask; i++) {
        for (struct entry *entry = map->slots[i], *next; entry != NULL; entry = next) {
            struct entry **slot = &larger[entry->hash & (slots - 1)];

            next = entry->next;
            entry->next = *slot;
            *slot = entry;
        }
    }
    free(map->slots);
    map->slots = larger;
    map->mask = slots - 1;
}

void *map_set(struct map *map, struct str key, void *value)
{
    uint64_t hash = hash_of(map->seed, key);
    struct entry **link = find(map, key, hash), *entry = *link;

    if (value == NULL)
        panic("map_set: no value for \"%.*s\"", STR_ARG(key));
    if (entry != NULL) {
        void *replaced = entry->value;

        entry->value = value;
        return replaced;
    }
    if (map->count > map->mask) {
        grow(map);
        link = find(map, key, hash);
    }
    entry = allocate(1, sizeof(*entry) + key.n);
    entry->value = value;
    entry->hash = hash;
    entry->n = key.n;
    if (key.n > 0)
        memcpy(entry->key, key.p, key.n);
    *link = entry;
    map->count++;
    return NULL;
}

void *map_remove(struct map *map, struct str key)
{
    struct entry **link = find(map, key, hash_of(map->seed, key)), *entry = *link;
    void *value;

    if (entry == NULL)
        return NULL;
    value = entry->value;
    *link = entry->next;
    free(entry);
    map->count--;
    return value;
}

void map_each(struct map *map, void (*visit)(void *context, struct str key, void *value),
              void *context)
{
    for (size_t i = 0; i <= map->mask; i++) {
        for (struct entry *entry = map->slots[i], *next; entry != NULL; entry = next) {
            next = entry->next;
            visit(context, str_from(entry->key, entry->n), entry->value);
        }
    }
}
