/*
 * nbdb_reindexd(8): makes the index that a table lacks since another type has taken the
 * place of hash or btree (non_bdb_migration_level = enable-reindex).
 *
 * Reading order: main.c (the request, and which index), trust.c (whether).
 */
#include "ipc/messages.h"
#include "nbdb_reindexd/reindex.h"
#include "service/service.h"
#include "table/index.h"
#include "table/table.h"
#include "util/log.h"

#include <string.h>
#include <unistd.h>

/* Alias files have a form of their own. */
static bool is_alias_file(const struct conf *conf, const char *name, struct arena *arena)
{
    static const char *const params[] = {"alias_maps", "alias_database"};
    struct texts words = {0};

    for (size_t i = 0; i < COUNT(params); i++) {
        const char *value = conf_text(conf, params[i], NULL);

        texts_split(&words, arena, str_of(value ? value : ""), ", \t\r\n");
    }
    return texts_has(&words, str_of(name), false);
}

static void warn(void *context, const char *text)
{
    (void)context;
    log_warning("%s", text);
}

static int make_index(const struct conf *conf, const char *name, const char *target,
                      struct arena *arena, struct fail *why)
{
    const struct tables_options tables = tables_options_of(conf);
    const struct index_options options = {
        .places = tables.places,
        .syntax = is_alias_file(conf, name, arena) ? INDEX_ALIASES : INDEX_MAP,
        .with_nul = -1,
        .smtputf8 = tables.smtputf8,
        .lmdb_map_size = (size_t)conf->lmdb_map_size,
        .warn = warn,
    };

    if (index_build(target, &options, why) < 0)
        return -1;
    log_info("%s was indexed as %s", name, target);
    return 0;
}

/* Tables of which none asks us in turn. */
static struct tables *tables_for_names(const struct conf *conf)
{
    struct tables_options options = tables_options_of(conf);

    options.reindex = NULL;
    return tables_new_with(&options);
}

/* "hash:/etc/x" as "lmdb:/etc/x": is there something to do? */
static int reindex_name(struct process *process, const char *name, struct arena *arena,
                        struct fail *why)
{
    const struct conf *conf = process->conf;
    struct tables *tables = tables_for_names(conf);
    const char *target = arena_copy(arena, tables_redirect(tables, name));
    size_t type = str_find(str_of(target), ':');
    const char *index, *path = target + type + 1;

    tables_free(tables);
    if (strcmp(conf->non_bdb_migration_level, "enable-reindex") != 0)
        return fail_set(why, "non_bdb_migration_level is not enable-reindex");
    if (strcmp(target, name) == 0)
        return fail_set(why, "no other type takes the place of %s", name);
    if (trust_check(conf, path, arena, why) < 0)
        return -1;
    index = arena_printf(arena, "%s.%.*s", path, (int)type, target);
    if (access(index, F_OK) == 0) /* somebody was before us */
        return 0;
    return make_index(conf, name, target, arena, why);
}

static int answer_reindex(struct client *client, struct fail *why)
{
    struct status_reply reply = {.reason = ""};
    struct fail reason;
    struct reindex request;

    if (ipc_receive(client->stream, &reindex_message, client->arena, &request, why) < 0)
        return -1;
    if (reindex_name(client->process, request.name, client->arena, &reason) < 0) {
        log_warning("%s is not indexed: %s", request.name, reason.text);
        reply = (struct status_reply){.status = 1, .reason = reason.text};
    }
    ipc_put(client->stream, &status_reply_message, &reply);
    return 0;
}

static const struct request requests[] = {{"reindex", answer_reindex}, {0}};

static const struct service nbdb_reindexd = {
    .name = "nbdb_reindexd",
    .kind = SERVICE_ONE_CLIENT,
    .requests = requests,
    .flags = SERVICE_NEEDS_ROOT,
};

int main(int argc, char **argv)
{
    return service_run(&nbdb_reindexd, argc, argv);
}
