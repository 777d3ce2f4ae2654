/*
 * pipemap:{type:name, type:name} - the first table's answer is the second one's
 * key, and so on; the last one's answer is the answer. No answer anywhere is none.
 */
#include "table/members.h"
#include "table/types.h"

/* What callers may ask for depends on the table that is asked first; what the answer may
 * hold, on the last. */
static int pipemap_open(struct table *table, struct fail *why)
{
    int result = members_open(table, why);

    if (result == 0) {
        const struct list *list = &members_of(table)->list;
        const struct table *first = list->items[0];

        table->traits = (first->traits & TABLE_FIXED) | TABLE_AS_IS;
    }
    return result;
}

static enum table_result pipemap_lookup(struct table *table, struct str key,
                                        struct arena *arena, struct str *ret_value,
                                        struct fail *why)
{
    const struct list *list = &members_of(table)->list;

    table->owner = members_owner(table);
    for (size_t i = 0; i < list->n; i++) {
        enum table_result result = table_lookup(list->items[i], key, arena, &key, why);

        if (result != TABLE_FOUND)
            return result;
    }
    *ret_value = key;
    return TABLE_FOUND;
}

const struct table_type table_pipemap = {
    .name = "pipemap",
    .traits = TABLE_FIXED | TABLE_AS_IS,
    .open = pipemap_open,
    .lookup = pipemap_lookup,
};
