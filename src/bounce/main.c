/*
 * bounce(8): keeps one log of failed recipients per message, and turns that
 * log into a notification when the queue manager asks for it. As bounce for
 * recipients that failed for good, as defer for those that are late, as trace
 * for those whose sender wants to know in any case.
 *
 * Reading order: main.c (requests), log.c (the per-message log), site.c (what
 * waits for whom), notify.c (who is told), report.c (RFC 3464 notification), template.c
 * and template_file.c (the words that users see), show.c (for postconf).
 */
#include "bounce/bounce.h"
#include "queue/flush.h"
#include "util/log.h"

/* Every request ends in one status_reply; a failure is logged here, the caller tries
 * again later. */
static int reply(struct client *client, int result, const struct fail *reason)
{
    struct status_reply answer = {.status = result < 0,
                                  .reason = result < 0 ? reason->text : ""};

    if (result < 0)
        log_warning("%s", reason->text);
    ipc_put(client->stream, &status_reply_message, &answer);
    return 0;
}

static int append(struct client *client, struct fail *why)
{
    struct bounce_append failed;
    struct fail reason = {0};
    int result;

    if (ipc_receive(client->stream, &bounce_append_message, client->arena, &failed, why) <
        0)
        return -1;
    result = log_append(client->process->state, &failed, client->arena, &reason);
    if (result == 0)
        site_remember(client->process->state, &failed);
    return reply(client, result, &reason);
}

static int notify(struct client *client, struct fail *why,
                  int (*tell)(struct bouncer *, const struct bounce_report *,
                              struct arena *, struct fail *))
{
    struct bounce_report about;
    struct fail reason = {0};

    if (ipc_receive(client->stream, &bounce_report_message, client->arena, &about, why) <
        0)
        return -1;
    return reply(client, tell(client->process->state, &about, client->arena, &reason),
                 &reason);
}

static int flush(struct client *client, struct fail *why)
{
    return notify(client, why, notify_failure);
}

static int warn(struct client *client, struct fail *why)
{
    return notify(client, why, notify_delay);
}

static int trace(struct client *client, struct fail *why)
{
    return notify(client, why, notify_trace);
}

static const char *log_queue(const struct conf *conf, const char *service)
{
    if (strcmp(service, conf->defer_service_name) == 0)
        return QUEUE_DEFER;
    if (strcmp(service, conf->trace_service_name) == 0)
        return QUEUE_TRACE;
    return QUEUE_BOUNCE;
}

static int load_templates(struct bouncer *bouncer, struct process *process,
                          struct fail *why)
{
    const char *path = process->conf->bounce_template_file;
    struct texts warnings = {0};
    int result = 0;

    templates_built_in(&bouncer->templates);
    if (*path)
        result =
            templates_read(path, process->arena, &bouncer->templates, &warnings, why);
    for (size_t i = 0; i < warnings.n; i++)
        log_warning("%s", warnings.items[i]);
    if (result < 0)
        return fail_prefix(why, "bounce_template_file");
    return 0;
}

/* What the jail does not hold. */
static int read_outside(struct process *process, struct fail *why)
{
    struct bouncer *bouncer = ARENA_NEW(process->arena, struct bouncer);
    const struct conf *conf = process->conf;

    process->state = bouncer;
    if (load_templates(bouncer, process, why) < 0)
        return -1;
    bouncer->queue = log_queue(conf, process->name);
    if (strcmp(bouncer->queue, QUEUE_DEFER) != 0 || conf->fast_flush_domains[0] == '\0')
        return 0;
    bouncer->tables = tables_new(conf);
    bouncer->fast_flush_domains = match_list_open(
        bouncer->tables, "fast_flush_domains", conf->fast_flush_domains,
        match_parent_flag(conf->parent_domain_matches_subdomains, "fast_flush_domains"));
    bouncer->old_relay_domains = conf_has_old_default(conf, "relay_domains") &&
                                 !conf_is_set(conf, "fast_flush_domains");
    bouncer->flush = flush_client(conf);
    return 0;
}

static int set_up(struct process *process, struct fail *why)
{
    struct bouncer *bouncer = process->state;
    const struct conf *conf = process->conf;

    (void)why;
    bouncer->process = process;
    bouncer->conf = conf;
    spool_init(&bouncer->spool, conf->hash_queue_names, conf->hash_queue_depth,
               conf->enable_long_queue_ids);
    texts_split(&bouncer->notify, process->arena, str_of(conf->notify_classes),
                ", \t\r\n");
    bouncer->cleanup = ipc_client_new(
        arena_printf(process->arena, "public/%s", conf->cleanup_service_name), "cleanup",
        conf->ipc_timeout * 1000L);
    return 0;
}

/* Kept connections that nobody uses would keep processes of cleanup and flush from
 * others. */
static bool let_go(struct process *process)
{
    struct bouncer *bouncer = process->state;

    ipc_client_close(bouncer->cleanup);
    if (bouncer->tables == NULL)
        return false;
    ipc_client_close(bouncer->flush);
    return tables_changed(bouncer->tables, NULL);
}

static const struct request requests[] = {
    {"append", append}, {"flush", flush}, {"warn", warn}, {"trace", trace}, {0},
};

static const struct service bounce = {
    .name = "bounce",
    .kind = SERVICE_ONE_CLIENT,
    .before_jail = read_outside,
    .after_jail = set_up,
    .between = let_go,
    .requests = requests,
    .serve = show_templates,
    .flags = SERVICE_STAND_ALONE | SERVICE_UNLIMITED,
};

int main(int argc, char **argv)
{
    return service_run(&bounce, argc, argv);
}
