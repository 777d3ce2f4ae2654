/* randmap:{value, value} - one of the values by chance, whatever the key. */
#include "table/members.h"
#include "table/types.h"

#include <stdlib.h>

static int randmap_open(struct table *table, struct fail *why)
{
    struct texts *values = ARENA_NEW(table->arena, struct texts);

    table->state = values;
    if (!members_words(table, values))
        return fail_set(why, "bad syntax: \"%s\"; need \"randmap:{value...}\"",
                        table->name);
    return 0;
}

static enum table_result randmap_lookup(struct table *table, struct str key,
                                        struct arena *arena, struct str *ret_value,
                                        struct fail *why)
{
    const struct texts *values = table->state;

    (void)key;
    (void)why;
    return table_answer(
        arena, str_of(values->items[arc4random_uniform((uint32_t)values->n)]), ret_value);
}

/* compat: asked for the whole key only */
const struct table_type table_randmap = {
    .name = "randmap",
    .traits = 0,
    .open = randmap_open,
    .lookup = randmap_lookup,
};
