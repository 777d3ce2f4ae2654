/*
 * tlsmgr(8): keeps what processes with TLS share: the keys of session tickets, and caches
 * of sessions. It knows nothing of TLS itself, and waits for nobody.
 *
 * Reading order: main.c (requests, timers), tickets.c (keys and their rotation),
 * sessions.c (caches), pool.c (random bytes).
 */
#include "service/service.h"
#include "tlsmgr/tlsmgr.h"
#include "util/log.h"

struct manager {
    const struct conf *conf;
    struct loop *loop;
    struct pool *pool;
    struct tickets *tickets;
    struct sessions *sessions;
};

static int64_t now_of(const struct manager *manager)
{
    return clock_wall(loop_clock(manager->loop)).tv_sec;
}

/* --- requests --------------------------------------------------------------------- */

static int answer_keys(struct client *client, struct fail *why)
{
    struct manager *manager = client->process->state;
    struct tls_keys_wanted wanted;
    struct tls_keys keys;

    if (ipc_receive(client->stream, &tls_keys_wanted_message, client->arena, &wanted,
                    why) < 0)
        return -1;
    tickets_get(manager->tickets, now_of(manager), client->arena, &keys);
    ipc_put(client->stream, &tls_keys_message, &keys);
    return 0;
}

static int answer_find(struct client *client, struct fail *why)
{
    struct manager *manager = client->process->state;
    struct tls_session_entry wanted;
    struct tls_session_found found;

    if (ipc_receive(client->stream, &tls_session_entry_message, client->arena, &wanted,
                    why) < 0 ||
        sessions_find(manager->sessions, &wanted, now_of(manager), client->arena,
                      &found.session, why) < 0)
        return -1;
    found.status = *found.session == '\0';
    ipc_put(client->stream, &tls_session_found_message, &found);
    return 0;
}

static int answer_keep(struct client *client, struct fail *why)
{
    struct manager *manager = client->process->state;
    struct tls_session_entry entry;

    if (ipc_receive(client->stream, &tls_session_entry_message, client->arena, &entry,
                    why) < 0 ||
        sessions_keep(manager->sessions, &entry, now_of(manager), client->arena, why) < 0)
        return -1;
    ipc_put(client->stream, &status_reply_message, &(struct status_reply){0});
    return 0;
}

static int answer_forget(struct client *client, struct fail *why)
{
    struct manager *manager = client->process->state;
    struct tls_session_entry entry;

    if (ipc_receive(client->stream, &tls_session_entry_message, client->arena, &entry,
                    why) < 0 ||
        sessions_forget(manager->sessions, &entry, why) < 0)
        return -1;
    ipc_put(client->stream, &status_reply_message, &(struct status_reply){0});
    return 0;
}

/* --- from time to time ------------------------------------------------------------- */

static void clean(void *context)
{
    struct manager *manager = context;
    int64_t next = sessions_clean(manager->sessions, now_of(manager));

    if (next > 0)
        loop_timer(manager->loop, next * 1000, clean, manager);
}

static void reseed(void *context)
{
    struct manager *manager = context;

    pool_reseed(manager->pool);
    loop_timer(manager->loop, manager->conf->tls_random_reseed_period * 1000L, reseed,
               manager);
}

static void save(void *context)
{
    struct manager *manager = context;

    pool_save(manager->pool);
    loop_timer(manager->loop, manager->conf->tls_random_prng_update_period * 1000L, save,
               manager);
}

/* --- the process ------------------------------------------------------------------ */

static int open_all(struct process *process, struct fail *why)
{
    struct manager *manager = ARENA_NEW(process->arena, struct manager);
    const struct conf *conf = process->conf;

    (void)why;
    process->state = manager;
    manager->conf = conf;
    manager->pool = pool_open(conf, process->arena);
    manager->tickets =
        tickets_new(manager->pool, conf->smtpd_tls_session_cache_timeout, process->arena);
    manager->sessions = sessions_open(conf, process->arena);
    return 0;
}

static int start(struct process *process, struct fail *why)
{
    struct manager *manager = process->state;
    const struct conf *conf = process->conf;

    (void)why;
    manager->loop = process->loop;
    clean(manager);
    if (conf->tls_random_reseed_period > 0)
        loop_timer(manager->loop, conf->tls_random_reseed_period * 1000L, reseed,
                   manager);
    if (conf->tls_random_prng_update_period > 0)
        loop_timer(manager->loop, conf->tls_random_prng_update_period * 1000L, save,
                   manager);
    return 0;
}

static void stop(struct process *process)
{
    const struct manager *manager = process->state;

    pool_save(manager->pool);
    sessions_close(manager->sessions);
}

static const struct request requests[] = {
    {"keys", answer_keys},
    {"find", answer_find},
    {"keep", answer_keep},
    {"forget", answer_forget},
    {0},
};

static const struct service tlsmgr = {
    .name = "tlsmgr",
    .kind = SERVICE_MANY_CLIENTS,
    .before_jail = open_all,
    .after_jail = start,
    .before_exit = stop,
    .requests = requests,
    .flags = SERVICE_SOLE | SERVICE_FOREVER,
};

int main(int argc, char **argv)
{
    return service_run(&tlsmgr, argc, argv);
}
