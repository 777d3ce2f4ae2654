/*
 * proxymap(8): opens lookup tables for programs that cannot, because they are in
 * a jail, or should not, because so many of them would. The same program runs as
 * proxywrite, in one process, for tables that are changed.
 *
 * Reading order: main.c (requests), allowed.c (which tables).
 */
#include "ipc/messages.h"
#include "proxymap/allowed.h"
#include "service/service.h"
#include "table/table.h"
#include "util/log.h"

struct proxy {
    struct tables *tables;
    struct texts allowed;  /* "hash:/etc/aliases" */
    const char *parameter; /* that allows them */
};

/* What a client may ask for; what it asks about folding and the like is its own affair.
 */
enum { CLIENT_FLAGS = TABLE_NO_FOLD | TABLE_NO_SUBSTITUTION | TABLE_NO_UTF8 };

static struct looked_up denied(const struct proxy *proxy, const char *table)
{
    log_warning("request for unapproved table: \"%s\": to approve this table for access "
                "through proxymap, list proxy:%s in %s",
                table, table, proxy->parameter);
    return (struct looked_up){.status = LOOKUP_DENIED, .value = ""};
}

static struct looked_up ask(struct proxy *proxy, const struct lookup *lookup,
                            struct arena *arena)
{
    unsigned flags = (unsigned)lookup->flags & CLIENT_FLAGS;
    struct fail *why = ARENA_NEW(arena, struct fail);
    struct str value = STR("");

    if (!texts_has(&proxy->allowed, str_of(lookup->table), false))
        return denied(proxy, lookup->table);
    switch (table_lookup(table_open(proxy->tables, lookup->table, flags),
                         str_of(lookup->key), arena, &value, why)) {
    case TABLE_FOUND:
        return (struct looked_up){.status = LOOKUP_FOUND, .value = value.p};
    case TABLE_NOT_FOUND:
        return (struct looked_up){.status = LOOKUP_NONE, .value = ""};
    default:
        log_warning("%s", why->text);
        return (struct looked_up){.status = LOOKUP_RETRY, .value = why->text};
    }
}

static int answer_lookup(struct client *client, struct fail *why)
{
    struct proxy *proxy = client->process->state;
    struct lookup lookup;
    struct looked_up answer;

    if (ipc_receive(client->stream, &lookup_message, client->arena, &lookup, why) < 0)
        return -1;
    tables_refresh_due(proxy->tables, clock_ms(&clock_system));
    answer = ask(proxy, &lookup, client->arena);
    ipc_put(client->stream, &looked_up_message, &answer);
    return 0;
}

static int set_up(struct process *process, struct fail *why)
{
    struct proxy *proxy = ARENA_NEW(process->arena, struct proxy);
    const struct conf *conf = process->conf;
    bool writes = strcmp(process->name, conf->proxywrite_service_name) == 0;

    process->state = proxy;
    proxy->parameter = writes ? "proxy_write_maps" : "proxy_read_maps";
    proxy->tables = tables_new(conf);
    return allowed_collect(conf, writes ? conf->proxy_write_maps : conf->proxy_read_maps,
                           process->arena, &proxy->allowed, why);
}

static const struct request requests[] = {{"lookup", answer_lookup}, {0}};

static const struct service proxymap = {
    .name = "proxymap",
    .kind = SERVICE_MANY_CLIENTS,
    .before_jail = set_up,
    .requests = requests,
};

int main(int argc, char **argv)
{
    return service_run(&proxymap, argc, argv);
}
