/* static:value and static:{ a value with spaces } - the same answer to every key. */
#include "table/type.h"
#include "table/types.h"

static int static_open(struct table *table, struct fail *why)
{
    struct str *value = ARENA_NEW(table->arena, struct str);

    if (table->path[0] == '\0')
        return fail_set(why, "expecting \"type:name\" form instead of \"%s\"",
                        table->name);
    *value = str_of(table->path);
    if (table->path[0] == '{' && !str_unbrace(*value, value))
        return fail_set(why, "bad static:name syntax: %s '}' in \"%s\"",
                        strchr(table->path, '}') ? "syntax error after" : "missing",
                        table->path);
    table->state = value;
    return 0;
}

static enum table_result static_lookup(struct table *table, struct str key,
                                       struct arena *arena, struct str *ret_value,
                                       struct fail *why)
{
    (void)key;
    (void)why;
    return table_answer(arena, *(struct str *)table->state, ret_value);
}

const struct table_type table_static = {
    .name = "static",
    .traits = TABLE_FIXED,
    .open = static_open,
    .lookup = static_lookup,
};
