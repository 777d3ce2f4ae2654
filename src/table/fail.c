/* fail:words - every lookup is an error: for testing how the rest of the system copes. */
#include "table/type.h"
#include "table/types.h"

static int fail_open(struct table *table, struct fail *why)
{
    (void)table;
    (void)why;
    return 0;
}

static enum table_result fail_lookup(struct table *table, struct str key,
                                     struct arena *arena, struct str *ret_value,
                                     struct fail *why)
{
    (void)table;
    (void)key;
    (void)arena;
    (void)ret_value;
    return fail_set(why, "lookup error by request");
}

const struct table_type table_fail = {
    .name = "fail",
    .traits = TABLE_FIXED,
    .open = fail_open,
    .lookup = fail_lookup,
};
