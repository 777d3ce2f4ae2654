/* A map from key to entry, and the entries in the order in which they came, for listing.
 */
#include "table/memory.h"

#include "util/list.h"
#include "util/map.h"

struct entry {
    struct str key, value;
};

struct memory {
    struct map *map; /* of struct entry */
    struct list list;
    size_t next;
};

void memory_table_new(struct table *table)
{
    struct memory *memory = ARENA_NEW(table->arena, struct memory);

    memory->map = map_new();
    table->state = memory;
}

bool memory_table_add(struct table *table, struct str key, struct str value)
{
    struct memory *memory = table->state;
    struct entry *entry;

    if (map_get(memory->map, key))
        return false;
    entry = ARENA_NEW(table->arena, struct entry);
    entry->key = str_from(arena_copy_str(table->arena, key), key.n);
    entry->value = str_from(arena_copy_str(table->arena, value), value.n);
    map_set(memory->map, key, entry);
    list_add(&memory->list, table->arena, entry);
    return true;
}

bool memory_table_set(struct table *table, struct str key, struct str value)
{
    struct memory *memory = table->state;
    struct entry *entry = map_get(memory->map, key);

    if (!entry) {
        memory_table_add(table, key, value);
        return false;
    }
    entry->value = str_from(arena_copy_str(table->arena, value), value.n);
    return true;
}

enum table_result memory_table_lookup(struct table *table, struct str key,
                                      struct arena *arena, struct str *ret_value,
                                      struct fail *why)
{
    struct memory *memory = table->state;
    struct entry *entry = map_get(memory->map, key);

    (void)why;
    return entry ? table_answer(arena, entry->value, ret_value) : TABLE_NOT_FOUND;
}

enum table_result memory_table_next(struct table *table, bool first, struct str *ret_key,
                                    struct str *ret_value, struct fail *why)
{
    struct memory *memory = table->state;
    struct entry *entry;

    (void)why;
    if (first)
        memory->next = 0;
    if (memory->next >= memory->list.n)
        return TABLE_NOT_FOUND;
    entry = memory->list.items[memory->next++];
    *ret_key = entry->key;
    *ret_value = entry->value;
    return TABLE_FOUND;
}

void memory_table_close(struct table *table)
{
    struct memory *memory = table->state;

    if (memory)
        map_free(memory->map, NULL);
}
