/*
 * proxymap(8): looks things up in tables for programs that cannot open them
 * (from inside a jail), or should not open one each (databases with few connections).
 *
 * Reading order: main.c (requests), allowed.c (which tables), proxymap.c (the work),
 * listing.c (a table as a whole).
 */
#include "proxymap/proxymap.h"

#include "service/service.h"
#include "util/memory.h"

static int answer_lookup(struct client *client, struct fail *why)
{
    struct lookup question;
    struct looked_up answer;

    if (ipc_receive(client->stream, &lookup_message, client->arena, &question, why) < 0)
        return -1;
    proxymap_lookup(client->process->state, &question, client->arena, &answer);
    ipc_put(client->stream, &looked_up_message, &answer);
    return 0;
}

static void forget_listing(struct client *client)
{
    listing_forget(client->state);
    free(client->state);
}

/* Each client reads through its own look at a table. */
static int answer_entries(struct client *client, struct fail *why)
{
    struct table_page wanted;
    struct looked_up answer;

    if (ipc_receive(client->stream, &table_page_message, client->arena, &wanted, why) < 0)
        return -1;
    if (!client->state) {
        client->state = MEMORY_NEW(struct listing);
        client->gone = forget_listing;
    }
    proxymap_entries(client->process->state, &wanted, client->state, client->arena,
                     &answer);
    ipc_put(client->stream, &looked_up_message, &answer);
    return 0;
}

static int answer_change(struct client *client, struct fail *why,
                         void (*change)(struct proxymap *proxymap,
                                        const struct table_change_entry *entry,
                                        struct arena *arena, struct looked_up *ret))
{
    struct proxymap *proxymap = client->process->state;
    struct table_change_entry entry;
    struct looked_up answer;

    if (ipc_receive(client->stream, &table_change_entry_message, client->arena, &entry,
                    why) < 0)
        return -1;
    if (!proxymap->may_change)
        return fail_set(why,
                        "request to change table \"%.100s\", which is not for this "
                        "service",
                        entry.table);
    change(proxymap, &entry, client->arena, &answer);
    ipc_put(client->stream, &looked_up_message, &answer);
    return 0;
}

static int answer_update(struct client *client, struct fail *why)
{
    return answer_change(client, why, proxymap_update);
}

static int answer_delete(struct client *client, struct fail *why)
{
    return answer_change(client, why, proxymap_delete);
}

static int prepare(struct process *process, struct fail *why)
{
    struct proxymap *proxymap = ARENA_NEW(process->arena, struct proxymap);
    bool may_change = strcmp(process->name, process->conf->proxywrite_service_name) == 0;

    process->state = proxymap;
    (void)why;
    proxymap_init(proxymap, process->conf, may_change, process->arena);
    return 0;
}

static void clean_up(struct process *process)
{
    proxymap_done(process->state);
}

static const struct request requests[] = {{"lookup", answer_lookup},
                                          {"entries", answer_entries},
                                          {"update", answer_update},
                                          {"delete", answer_delete},
                                          {0}};

static const struct service proxymap_service = {
    .name = "proxymap",
    .kind = SERVICE_MANY_CLIENTS,
    .before_jail = prepare,
    .before_exit = clean_up,
    .requests = requests,
};

int main(int argc, char **argv)
{
    return service_run(&proxymap_service, argc, argv);
}
