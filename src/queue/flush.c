/*
 * One connection a request: they are rare, and nobody should keep a flush
 * process from others.
 */
#include "queue/flush.h"

#include "ipc/client.h"
#include "ipc/messages.h"

#include <stdio.h>

static int request(const struct conf *conf, const char *name, const struct flush *about,
                   struct fail *why)
{
    struct arena *arena = arena_new("flush");
    struct ipc_client *client =
        ipc_client_new(arena_printf(arena, "public/%s", conf->flush_service_name),
                       "flush", conf->ipc_timeout * 1000L);
    struct status_reply reply;
    int result = ipc_call(client,
                          &(struct ipc_exchange){name, &flush_message, about,
                                                 &status_reply_message, &reply},
                          arena, why);

    if (result == 0 && reply.status != 0)
        result = fail_set(why, "flush: %s", reply.reason);
    ipc_client_free(client);
    arena_free(arena);
    return result;
}

int flush_add(const struct conf *conf, const char *site, const char *queue_id,
              struct fail *why)
{
    return request(conf, "add", &(struct flush){.site = site, .queue_id = queue_id}, why);
}

int flush_site(const struct conf *conf, const char *site, struct fail *why)
{
    return request(conf, "send_site", &(struct flush){.site = site}, why);
}

int flush_id(const struct conf *conf, const char *queue_id, struct fail *why)
{
    return request(conf, "send_id", &(struct flush){.queue_id = queue_id}, why);
}
