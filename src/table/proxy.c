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
#include "util/memory.h"

enum { WRITE_TIMEOUT_MS = 3600 * 1000 };

/* Reading through a table, in pages. */
struct walk {
    struct arena *arena; /* of the page */
    long long page;      /* the next one */
    struct str rest;     /* of this one */
};

enum { PASSED_FLAGS = TABLE_NO_FOLD | TABLE_NO_SUBSTITUTION | TABLE_NO_UTF8 };

static int proxy_open(struct table *table, struct fail *why)
{
    if (str_find(str_of(table->path), ':') == strlen(table->path))
        return fail_set(why, "expecting \"type:name\" form instead of \"%s\"",
                        table->path);
    return 0;
}

/* 1 = *walk has a page, 0 = there are no more, -1. */
static int next_page(struct walk *walk, struct ipc_client *service,
                     const struct table_page *wanted, struct fail *why)
{
    struct looked_up answer;
    const struct ipc_exchange exchange = {
        .request = "entries",
        .message = &table_page_message,
        .record = wanted,
        .reply = &looked_up_message,
        .ret = &answer,
    };

    arena_reset(walk->arena);
    if (ipc_call(service, &exchange, walk->arena, why) < 0)
        return -1;
    if (answer.status == LOOKUP_DENIED)
        return fail_set(why, "the service is not configured for table \"%s\"",
                        wanted->table);
    if (answer.status == LOOKUP_RETRY)
        return fail_set(why, "%s", answer.value);
    walk->rest = str_of(answer.value);
    return answer.status == LOOKUP_FOUND;
}

static enum table_result walk_on(struct walk *walk, struct ipc_client *service,
                                 struct table_page wanted, struct str *ret_key,
                                 struct str *ret_value, struct fail *why)
{
    if (walk->rest.n == 0) {
        int more;

        wanted.page = walk->page++;
        if ((more = next_page(walk, service, &wanted, why)) <= 0)
            return more < 0 ? TABLE_ERROR : TABLE_NOT_FOUND;
    }
    *ret_key = str_until(&walk->rest, '\n');
    *ret_value = str_until(&walk->rest, '\n');
    return TABLE_FOUND;
}

static void walk_begin(struct walk *walk)
{
    if (!walk->arena)
        walk->arena = arena_new("page");
    *walk = (struct walk){.arena = walk->arena};
}

static enum table_result proxy_next(struct table *table, bool first, struct str *ret_key,
                                    struct str *ret_value, struct fail *why)
{
    const struct table_page wanted = {.table = table->path,
                                      .flags = table->flags & PASSED_FLAGS};

    if (!table->state)
        table->state = MEMORY_NEW(struct walk);
    if (first)
        walk_begin(table->state);
    return walk_on(table->state, table_proxymap(table), wanted, ret_key, ret_value, why);
}

static void proxy_close(struct table *table)
{
    struct walk *walk = table->state;

    if (walk)
        arena_free(walk->arena);
    free(walk);
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

struct change {
    struct ipc_client *service;
    struct walk walk;
};

static struct ipc_client *service_of(const struct table_writer *writer)
{
    const struct change *change = writer->state;

    return change->service;
}

static int writer_open(struct table_writer *writer, struct fail *why)
{
    struct change *change;

    if (writer->options.mode != TABLE_CHANGE || !writer->options.proxywrite)
        return fail_set(why, "can't create maps via the proxy service");
    change = ARENA_NEW(writer->arena, struct change);
    change->service =
        ipc_client_new(writer->options.proxywrite, "proxymap", WRITE_TIMEOUT_MS);
    writer->state = change;
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

    if (ipc_call(service_of(writer), &exchange, writer->scratch, why) < 0)
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

    if (ipc_call(service_of(writer), &exchange, arena, why) < 0)
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

static enum table_result writer_next(struct table_writer *writer, bool first,
                                     struct arena *arena, struct str *ret_key,
                                     struct str *ret_value, struct fail *why)
{
    const struct table_page wanted = {
        .table = writer->name, .flags = writer->options.no_fold ? TABLE_NO_FOLD : 0};
    struct change *change = writer->state;
    enum table_result result;

    if (first)
        walk_begin(&change->walk);
    result = walk_on(&change->walk, change->service, wanted, ret_key, ret_value, why);
    if (result == TABLE_FOUND) {
        *ret_key = str_of(arena_copy_str(arena, *ret_key));
        *ret_value = str_of(arena_copy_str(arena, *ret_value));
    }
    return result;
}

static void writer_abort(struct table_writer *writer)
{
    struct change *change = writer->state;

    arena_free(change->walk.arena);
    ipc_client_free(change->service);
}

static int writer_finish(struct table_writer *writer, struct fail *why)
{
    (void)why;
    writer_abort(writer);
    return 0;
}

static const struct table_writer_type proxy_writer = {
    .suffix = "",
    .label = {"", ""},
    .open = writer_open,
    .put = writer_put,
    .erase = writer_erase,
    .get = writer_get,
    .next = writer_next,
    .finish = writer_finish,
    .abort = writer_abort,
};

const struct table_type table_proxy = {
    .name = "proxy",
    .traits = TABLE_FIXED | TABLE_AS_IS | TABLE_ANY_VALUE,
    .open = proxy_open,
    .lookup = proxy_lookup,
    .next = proxy_next,
    .close = proxy_close,
    .writer = &proxy_writer,
};
