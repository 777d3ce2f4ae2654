/*
 * flush(8): remembers which deferred messages wait for which site, so that a
 * site that says it is up again (SMTP ETRN, RFC 1985) gets its mail without a
 * walk through the whole queue.
 *
 * Reading order: main.c (requests and the wakeup), log.c (the log of a site),
 * retry.c (one message).
 */
#include "flush/flush.h"
#include "ipc/client.h"
#include "ipc/messages.h"
#include "service/service.h"
#include "util/log.h"

/* Tell qmgr once for all messages of a request. */
static void tell_qmgr(struct flusher *flusher)
{
    struct fail why;

    if (flusher->moved &&
        ipc_trigger(
            arena_printf(flusher->arena, "public/%s", flusher->conf->queue_service_name),
            "I", flusher->conf->trigger_timeout * 1000L, &why) < 0)
        log_warning("%s", why.text); /* it looks by itself from time to time */
    flusher->moved = false;
}

/* --- requests --- */

static int add(struct flusher *flusher, const struct flush *about, struct fail *why)
{
    return log_add(flusher, about->site, about->queue_id, why);
}

static int send_site(struct flusher *flusher, const struct flush *about, struct fail *why)
{
    return log_send(flusher, about->site, why);
}

/* compat: a message that is not there, or not deferred, is no failure. */
static int send_id(struct flusher *flusher, const struct flush *about, struct fail *why)
{
    if (!queue_id_valid(str_of(about->queue_id)))
        return fail_set(why, "bad queue id: \"%s\"", about->queue_id);
    return message_retry(flusher, about->queue_id, why) < 0 ? -1 : 0;
}

static const struct {
    const char *name;
    int (*act)(struct flusher *flusher, const struct flush *about, struct fail *why);
} requests[] = {
    {"add", add},
    {"send_site", send_site},
    {"send_id", send_id},
};

static int act(struct flusher *flusher, const char *name, const struct flush *about,
               struct fail *why)
{
    for (size_t i = 0; i < COUNT(requests); i++)
        if (strcmp(requests[i].name, name) == 0)
            return requests[i].act(flusher, about, why);
    return fail_set(why, "unknown request \"%s\"", name);
}

/* 1 = answered, 0 = the client is gone, -1. */
static int answer(struct client *client, struct fail *why)
{
    struct flusher *flusher = client->process->state;
    struct status_reply reply = {.reason = ""};
    struct fail reason = {0};
    struct flush about;
    const char *name;
    int got = ipc_receive_request(client->stream, client->arena, &name, why);

    if (got <= 0)
        return got;
    if (ipc_receive(client->stream, &flush_message, client->arena, &about, why) < 0)
        return -1;
    if (act(flusher, name, &about, &reason) < 0) {
        log_warning("%s", reason.text);
        reply = (struct status_reply){.status = 1, .reason = reason.text};
    }
    tell_qmgr(flusher);
    ipc_put(client->stream, &status_reply_message, &reply);
    return stream_flush(client->stream) == STREAM_OK;
}

/* master and postkick say it in single bytes, and do not wait. */
static bool is_wakeup(struct stream *s)
{
    struct str input;

    return stream_peek(s, &input) == STREAM_OK && input.p[0] == 'W';
}

static void serve(struct client *client)
{
    struct flusher *flusher = client->process->state;
    struct fail why = {0};
    int more = 1;

    flusher->arena = client->arena;
    ipc_announce(client->stream, "flush");
    (void)!stream_flush(client->stream); /* a waker may be gone already */
    if (is_wakeup(client->stream)) {
        log_refresh_all(flusher);
        tell_qmgr(flusher);
        return;
    }
    while (more > 0) {
        more = answer(client, &why);
        arena_reset(client->arena);
    }
    if (more < 0)
        log_warning("%s", why.text);
}

static int set_up(struct process *process, struct fail *why)
{
    const struct conf *conf = process->conf;
    struct flusher *flusher = ARENA_NEW(process->arena, struct flusher);

    (void)why;
    process->state = flusher;
    flusher->conf = conf;
    spool_init(&flusher->spool, conf->hash_queue_names, conf->hash_queue_depth,
               conf->enable_long_queue_ids);
    return 0;
}

static const struct service flush = {
    .name = "flush",
    .kind = SERVICE_ONE_CLIENT,
    .after_jail = set_up,
    .serve = serve,
    .flags = SERVICE_UNLIMITED,
};

int main(int argc, char **argv)
{
    return service_run(&flush, argc, argv);
}
