/* Entries in memory, for the types that hold all of theirs there. The state of such a
 * table. */
#ifndef TABLE_MEMORY_H
#define TABLE_MEMORY_H

#include "table/type.h"

void memory_table_new(struct table *table);
/* Copies both. False when the key was there: the first value stays. */
bool memory_table_add(struct table *table, struct str key, struct str value);
/* The same, but the last value stays. True when the key was there. */
bool memory_table_set(struct table *table, struct str key, struct str value);

/* For struct table_type. */
enum table_result memory_table_lookup(struct table *table, struct str key,
                                      struct arena *arena, struct str *ret_value,
                                      struct fail *why);
enum table_result memory_table_next(struct table *table, bool first, struct str *ret_key,
                                    struct str *ret_value, struct fail *why);
void memory_table_close(struct table *table);

#endif
