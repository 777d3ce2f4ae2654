/* environ:any - the process's environment; keys keep their case. */
#include "table/type.h"
#include "table/types.h"

#include <stdlib.h>

static int environ_open(struct table *table, struct fail *why)
{
    (void)table;
    (void)why;
    return 0;
}

static enum table_result environ_lookup(struct table *table, struct str key,
                                        struct arena *arena, struct str *ret_value,
                                        struct fail *why)
{
    const char *value = getenv(arena_copy_str(arena, key));

    (void)table;
    (void)why;
    return value ? table_answer(arena, str_of(value), ret_value) : TABLE_NOT_FOUND;
}

const struct table_type table_environ = {
    .name = "environ",
    .traits = TABLE_FIXED | TABLE_AS_IS,
    .open = environ_open,
    .lookup = environ_lookup,
};
