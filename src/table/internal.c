/* internal:any - a table in memory that nothing fills from outside: empty. */
#include "table/memory.h"
#include "table/types.h"

static int internal_open(struct table *table, struct fail *why)
{
    (void)why;
    memory_table_new(table);
    return 0;
}

const struct table_type table_internal = {
    .name = "internal",
    .traits = TABLE_FIXED,
    .open = internal_open,
    .lookup = memory_table_lookup,
    .next = memory_table_next,
    .close = memory_table_close,
};
