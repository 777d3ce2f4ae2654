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

enum { WRITE_TIMEOUT_MS = 3600 * 1000 };

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
        return fail_set(why, "proxymap service is not configured for table \"%s\"",
                        table->path);
    return fail_set(why, "proxymap: %s", answer.value);
}

/* --- changing, through proxywrite
 * -------------------------------------------------------- */

static int writer_open(struct table_writer *writer, struct fail *why)
{
    if (writer->options.mode != TABLE_CHANGE || !writer->options.proxywrite)
        return fail_set(why, "can't create maps via the proxy service");
    writer->state =
        ipc_client_new(writer->options.proxywrite, "proxymap", WRITE_TIMEOUT_MS);
    return 0;
}

/* 1 = done, 0 = no such key, -1. */
static int ask_change(struct table_writer *writer, const char *request, struct str key,
                      struct str value, struct fail *why)
{
    struct table_change_entry entry = {
        .table = writer->name,
        .flags = writer->options.no_fold ? TABLE_NO_FOLD : 0,
        .key = arena_copy_str(writer->scratch, key),
        .value = arena_copy_str(writer->scratch, value),
    };
    struct looked_up answer;
    struct ipc_exchange exchange = {
        .request = request,
        .message = &table_change_entry_message,
        .record = &entry,
        .reply = &looked_up_message,
        .ret = &answer,
    };

    if (ipc_call(writer->state, &exchange, writer->scratch, why) < 0)
        return -1;
    if (answer.status == LOOKUP_DENIED)
        return fail_set(why, "proxywrite service is not configured for table \"%s\"",
                        writer->name);
    if (answer.status == LOOKUP_RETRY)
        return fail_set(why, "proxywrite: %s", answer.value);
    return answer.status == LOOKUP_FOUND;
}

static int writer_put(struct table_writer *writer, struct str key, struct str value,
                      struct fail *why)
{
    return ask_change(writer, "update", key, value, why) < 0 ? -1 : 0;
}

static int writer_erase(struct table_writer *writer, struct str key, struct fail *why)
{
    return ask_change(writer, "delete", key, STR_NONE, why);
}

static enum table_result writer_get(struct table_writer *writer, struct str key,
                                    struct arena *arena, struct str *ret_value,
                                    struct fail *why)
{
    const struct lookup question = {
        .table = writer->name,
        .flags = writer->options.no_fold ? TABLE_NO_FOLD : 0,
        .key = arena_copy_str(writer->scratch, key),
    };
    struct looked_up answer;
    const struct ipc_exchange exchange = {
        .request = "lookup",
        .message = &lookup_message,
        .record = &question,
        .reply = &looked_up_message,
        .ret = &answer,
    };

    if (ipc_call(writer->state, &exchange, arena, why) < 0)
        return TABLE_ERROR;
    if (answer.status == LOOKUP_NONE)
        return TABLE_NOT_FOUND;
    if (answer.status != LOOKUP_FOUND)
        return fail_set(why, "proxywrite service: table \"%s\": %s", writer->name,
                        answer.status == LOOKUP_DENIED ? "is not configured for it"
                                                       : answer.value);
    *ret_value = str_of(answer.value);
    return TABLE_FOUND;
}

static int writer_finish(struct table_writer *writer, struct fail *why)
{
    (void)why;
    ipc_client_free(writer->state);
    return 0;
}

static void writer_abort(struct table_writer *writer)
{
    ipc_client_free(writer->state);
}

static const struct table_writer_type proxy_writer = {
    .suffix = "",
    .label = {"", ""},
    .open = writer_open,
    .put = writer_put,
    .erase = writer_erase,
    .get = writer_get,
    .finish = writer_finish,
    .abort = writer_abort,
};

const struct table_type table_proxy = {
    .name = "proxy",
    .traits = TABLE_FIXED | TABLE_AS_IS | TABLE_ANY_VALUE,
    .open = proxy_open,
    .lookup = proxy_lookup,
    .writer = &proxy_writer,
};
