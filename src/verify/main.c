/*
 * verify(8): remembers whether addresses can be delivered to. It sends no probes and
 * waits for nobody: who asks about an address that is not known, or was asked for long
 * ago, is told to send one, and the delivery agent that gets it tells what it met.
 *
 * Reading order: main.c (requests, the cache), verdict.c (what is kept, and how long).
 */
#include "service/service.h"
#include "table/cache.h"
#include "util/log.h"
#include "verify/verdict.h"

#define IN_PROGRESS "Address verification in progress"

enum { TEXT_MAX_BYTES = 2000 };

struct verifier {
    const struct conf *conf;
    struct loop *loop;
    struct cache *cache;
};

static time_t now_of(const struct verifier *verifier)
{
    return clock_wall(loop_clock(verifier->loop)).tv_sec;
}

/* A cache that fails is as good as an empty one. */
static bool find(struct verifier *verifier, const char *address, struct arena *arena,
                 struct verdict *ret)
{
    const char *value;
    struct fail why;
    enum table_result result = cache_get(verifier->cache, address, arena, &value, &why);

    if (result == TABLE_ERROR)
        log_warning("%s", why.text);
    return result == TABLE_FOUND && verdict_parse(value, ret);
}

static void keep(struct verifier *verifier, const char *address,
                 const struct verdict *verdict, struct arena *arena)
{
    struct fail why;

    if (cache_put(verifier->cache, address, verdict_format(verdict, arena), &why) < 0)
        log_warning("%s", why.text);
}

/* --- requests --------------------------------------------------------------------- */

static int answer_query(struct client *client, struct fail *why)
{
    struct verifier *verifier = client->process->state;
    time_t now = now_of(verifier);
    struct verify_query query;
    struct verdict verdict;
    bool probe;

    if (ipc_receive(client->stream, &verify_query_message, client->arena, &query, why) <
        0)
        return -1;
    if (!find(verifier, query.address, client->arena, &verdict) ||
        verdict_is_expired(&verdict, verifier->conf, now))
        verdict = (struct verdict){VERIFY_UNKNOWN, 0, 0, IN_PROGRESS};
    probe = verdict_wants_probe(&verdict, verifier->conf, now);
    if (probe) {
        verdict.probed = now;
        keep(verifier, query.address, &verdict, client->arena);
    }
    ipc_put(client->stream, &verify_answer_message,
            &(struct verify_answer){verdict.status, verdict.text, probe});
    return 0;
}

/* What came of a probe. One that went wrong does not make a good address a bad one, as
 * long as it is believed to be good. */
static int answer_update(struct client *client, struct fail *why)
{
    struct verifier *verifier = client->process->state;
    time_t now = now_of(verifier);
    struct verify_update update;
    struct verdict verdict;
    bool known;

    if (ipc_receive(client->stream, &verify_update_message, client->arena, &update, why) <
        0)
        return -1;
    if (update.status < VERIFY_DELIVERABLE || update.status > VERIFY_BOUNCED)
        return fail_set(why, "unknown status %lld", update.status);
    known = find(verifier, update.address, client->arena, &verdict) &&
            verdict.status == VERIFY_DELIVERABLE &&
            !verdict_is_expired(&verdict, verifier->conf, now);
    if (!known || update.status == VERIFY_DELIVERABLE)
        verdict = (struct verdict){
            (enum verify_status)update.status, 0, now,
            arena_copy_str(client->arena, str_head(str_of(update.text), TEXT_MAX_BYTES))};
    verdict.probed = 0;
    keep(verifier, update.address, &verdict, client->arena);
    ipc_put(client->stream, &status_reply_message, &(struct status_reply){0});
    return 0;
}

/* --- cleaning --------------------------------------------------------------------- */

static bool is_old(void *context, const char *value)
{
    const struct verifier *verifier = context;
    struct verdict verdict;

    return !verdict_parse(value, &verdict) ||
           verdict_is_expired(&verdict, verifier->conf, now_of(verifier));
}

static void clean_now(struct verifier *verifier)
{
    struct cache_counts counts;
    struct fail why;

    if (cache_clean(verifier->cache, is_old, verifier, now_of(verifier), &counts, &why) <
        0)
        log_warning("%s", why.text);
    else
        log_info("cache %s full cleanup: retained=%zu dropped=%zu entries",
                 cache_name(verifier->cache), counts.retained, counts.dropped);
}

/* Seconds until the next cleaning is due. */
static int64_t wait_to_clean(struct verifier *verifier)
{
    int interval = verifier->conf->address_verify_cache_cleanup_interval;
    int64_t due = cache_cleaned(verifier->cache) + interval - now_of(verifier);

    return due < 0 ? 0 : due > interval ? interval : due;
}

static void clean_again(void *context)
{
    struct verifier *verifier = context;

    if (wait_to_clean(verifier) == 0)
        clean_now(verifier);
    loop_timer(verifier->loop,
               (int64_t)verifier->conf->address_verify_cache_cleanup_interval * 1000,
               clean_again, verifier);
}

/* --- the process ------------------------------------------------------------------ */

static int open_cache(struct process *process, struct fail *why)
{
    struct verifier *verifier = ARENA_NEW(process->arena, struct verifier);

    process->state = verifier;
    verifier->conf = process->conf;
    return cache_open(process->conf, process->conf->address_verify_map, process->arena,
                      &verifier->cache, why);
}

static int start(struct process *process, struct fail *why)
{
    struct verifier *verifier = process->state;

    (void)why;
    verifier->loop = process->loop;
    if (process->conf->address_verify_cache_cleanup_interval > 0)
        loop_timer(verifier->loop, wait_to_clean(verifier) * 1000, clean_again, verifier);
    return 0;
}

static void stop(struct process *process)
{
    const struct verifier *verifier = process->state;

    cache_close(verifier->cache);
}

static const struct request requests[] = {
    {"query", answer_query},
    {"update", answer_update},
    {0},
};

static const struct service verify = {
    .name = "verify",
    .kind = SERVICE_MANY_CLIENTS,
    .before_jail = open_cache,
    .after_jail = start,
    .before_exit = stop,
    .requests = requests,
    .flags = SERVICE_SOLE,
};

int main(int argc, char **argv)
{
    return service_run(&verify, argc, argv);
}
