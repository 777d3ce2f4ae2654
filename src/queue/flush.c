/*
 * The requests to flush. Who asks for a delivery does so once, and closes the
 * connection at once: nobody should keep a flush process from others.
 */
#include "queue/flush.h"

#include "ipc/messages.h"

#include <stdio.h>

struct ipc_client *flush_client(const struct conf *conf)
{
    char path[300];

    snprintf(path, sizeof(path), "public/%s", conf->flush_service_name);
    return ipc_client_new(path, "flush", conf->ipc_timeout * 1000L);
}

static int request(struct ipc_client *client, const char *name, const struct flush *about,
                   struct fail *why)
{
    struct arena *arena = arena_new("flush");
    struct status_reply reply;
    int result = ipc_call(client,
                          &(struct ipc_exchange){name, &flush_message, about,
                                                 &status_reply_message, &reply},
                          arena, why);

    if (result == 0 && reply.status != 0)
        result = fail_set(why, "flush: %s", reply.reason);
    arena_free(arena);
    return result;
}

int flush_add(struct ipc_client *flush, const char *site, const char *queue_id,
              struct fail *why)
{
    return request(flush, "add", &(struct flush){.site = site, .queue_id = queue_id},
                   why);
}

static int ask_once(const struct conf *conf, const char *name, const struct flush *about,
                    struct fail *why)
{
    struct ipc_client *client = flush_client(conf);
    int result;

    ipc_client_is_impatient(client);
    result = request(client, name, about, why);
    ipc_client_free(client);
    return result;
}

int flush_site(const struct conf *conf, const char *site, struct fail *why)
{
    return ask_once(conf, "send_site", &(struct flush){.site = site}, why);
}

int flush_id(const struct conf *conf, const char *queue_id, struct fail *why)
{
    return ask_once(conf, "send_id", &(struct flush){.queue_id = queue_id}, why);
}
