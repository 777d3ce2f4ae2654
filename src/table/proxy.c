/*
 * proxy:type:name - a table that the proxymap service opens and asks for us:
 * from inside a jail, or to share one open table between many processes.
 *
 * All proxied tables of a process share one connection. Folding is left to
 * the other side, which knows the type.
 */
#include "table/type.h"
#include "table/types.h"

#include "ipc/client.h"
#include "ipc/messages.h"

enum { PASSED_FLAGS = TABLE_NO_FOLD | TABLE_NO_SUBSTITUTION | TABLE_NO_UTF8 };

static int proxy_open(struct table *table, struct fail *why)
{
    if (str_find(str_of(table->path), ':') == strlen(table->path))
        return fail_set(why, "expecting \"type:name\" form instead of \"%s\"",
                        table->path);
    return 0;
}

static enum table_result proxy_lookup(struct table *table, struct str key,
                                      struct arena *arena, struct str *ret_value,
                                      struct fail *why)
{
    struct lookup question = {
        .table = table->path,
        .flags = table->flags & PASSED_FLAGS,
        .key = arena_copy_str(arena, key),
    };
    struct looked_up answer;

    struct ipc_exchange exchange = {
        .request = "lookup",
        .message = &lookup_message,
        .record = &question,
        .reply = &looked_up_message,
        .ret = &answer,
    };

    if (ipc_call(table_proxymap(table), &exchange, arena, why) < 0)
        return TABLE_ERROR;
    if (answer.status == LOOKUP_FOUND)
        return table_answer(arena, str_of(answer.value), ret_value);
    if (answer.status == LOOKUP_NONE)
        return TABLE_NOT_FOUND;
    if (answer.status == LOOKUP_DENIED)
        return fail_set(why, "proxymap: %s is not in proxy_read_maps", table->path);
    return fail_set(why, "proxymap: %s", answer.value);
}

const struct table_type table_proxy = {
    .name = "proxy",
    .traits = TABLE_FIXED | TABLE_AS_IS | TABLE_ANY_VALUE,
    .open = proxy_open,
    .lookup = proxy_lookup,
};
