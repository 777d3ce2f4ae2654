/*
 * unionmap:{type:name, type:name} - asks all of them, and joins what they
 * answer with commas. One that fails makes the whole fail: half a list is none.
 */
#include "table/members.h"
#include "table/types.h"
#include "util/buf.h"

enum { JOINED_MAX = 1 << 24 };

/* Parts of addresses make no sense to a pattern, so one such member decides. */
static int unionmap_open(struct table *table, struct fail *why)
{
    int result = members_open(table, why);
    unsigned fixed = TABLE_FIXED;

    for (size_t i = 0; result == 0 && i < members_of(table)->list.n; i++)
        fixed &= ((const struct table *)members_of(table)->list.items[i])->traits;
    table->traits = fixed | TABLE_AS_IS;
    return result;
}

static enum table_result unionmap_lookup(struct table *table, struct str key,
                                         struct arena *arena, struct str *ret_value,
                                         struct fail *why)
{
    const struct list *list = &members_of(table)->list;
    enum table_result result = TABLE_NOT_FOUND;
    struct buf all;

    table->owner = members_owner(table);
    buf_init(&all, JOINED_MAX);
    for (size_t i = 0; i < list->n && result != TABLE_ERROR; i++) {
        struct str value;
        enum table_result one = table_lookup(list->items[i], key, arena, &value, why);

        if (one == TABLE_FOUND) {
            if (result == TABLE_FOUND)
                buf_add_char(&all, ',');
            buf_add_str(&all, value);
        }
        if (one != TABLE_NOT_FOUND)
            result = one;
    }
    if (result == TABLE_FOUND)
        result = table_answer(arena, buf_str(&all), ret_value);
    buf_done(&all);
    return result;
}

const struct table_type table_unionmap = {
    .name = "unionmap",
    .traits = TABLE_FIXED | TABLE_AS_IS,
    .open = unionmap_open,
    .lookup = unionmap_lookup,
};
