/* debug:type:name - the table type:name, and each question and answer in the log. */
#include "table/type.h"
#include "table/types.h"
#include "util/log.h"

static int debug_open(struct table *table, struct fail *why)
{
    struct table *inner = strchr(table->path, ':')
                              ? table_open(table->tables, table->path,
                                           table->flags & ~(unsigned)TABLE_FILES)
                              : NULL;

    if (!inner)
        return fail_set(why, "bad syntax: \"%s\"; need \"debug:type:name\"", table->name);
    if (table_failure(inner))
        return fail_set(why, "%s: %s", table->path, table_failure(inner));
    table->state = inner;
    table->traits = inner->traits | TABLE_AS_IS;
    return 0;
}

static enum table_result debug_lookup(struct table *table, struct str key,
                                      struct arena *arena, struct str *ret_value,
                                      struct fail *why)
{
    enum table_result result = table_lookup(table->state, key, arena, ret_value, why);

    table->owner = table_owner(table->state);
    if (result == TABLE_FOUND)
        log_info("%s lookup: \"%.*s\" = \"%.*s\"", table->path, STR_ARG(key),
                 STR_ARG(*ret_value));
    else
        log_info("%s lookup: \"%.*s\": %s", table->path, STR_ARG(key),
                 result == TABLE_ERROR ? why->text : "not found");
    return result;
}

static enum table_result debug_next(struct table *table, bool first, struct str *ret_key,
                                    struct str *ret_value, struct fail *why)
{
    enum table_result result = table_next(table->state, first, ret_key, ret_value, why);

    if (result == TABLE_FOUND)
        log_info("%s next: \"%.*s\" = \"%.*s\"", table->path, STR_ARG(*ret_key),
                 STR_ARG(*ret_value));
    else
        log_info("%s next: %s", table->path,
                 result == TABLE_ERROR ? why->text : "no more entries");
    return result;
}

const struct table_type table_debug = {
    .name = "debug",
    .traits = TABLE_FIXED | TABLE_AS_IS,
    .open = debug_open,
    .lookup = debug_lookup,
    .next = debug_next,
};
