/*
 * Adds recipients to the logs of a message, over a connection to the service
 * that keeps the log. The connection is made at the first recipient that needs
 * it and closed with the request: these services have one process a client, and
 * an agent that kept one would hold it from all others.
 */
#include "deliver/logs.h"

#include "deliver/rights.h"

static const char *service_of(const struct conf *conf, enum delivery_log which)
{
    switch (which) {
    case DELIVERY_LOG_BOUNCE:
        return conf->bounce_service_name;
    case DELIVERY_LOG_DEFER:
        return conf->defer_service_name;
    default:
        return conf->trace_service_name;
    }
}

static struct ipc_client *connection(struct delivery *delivery, enum delivery_log which)
{
    const struct conf *conf = delivery->process->conf;

    if (!delivery->logs[which])
        delivery->logs[which] = ipc_client_new(
            arena_printf(delivery->arena, "private/%s", service_of(conf, which)),
            "bounce", conf->ipc_timeout * 1000L);
    return delivery->logs[which];
}

int logs_append(struct delivery *delivery, enum delivery_log which,
                const struct delivery_recipient *recipient, const struct outcome *outcome,
                const char *action, struct fail *why)
{
    struct bounce_append entry = {
        .queue_id = delivery->request.queue_id,
        .recipient = recipient->address,
        .original = recipient->original,
        .offset = recipient->offset,
        .orcpt = recipient->orcpt,
        .notify = recipient->notify,
        .status = outcome->status,
        .action = action,
        .remote_mta = outcome->remote_mta,
        .diagnostic_type = outcome->diagnostic_type,
        .diagnostic = outcome->diagnostic_text,
        .reason = outcome->text,
    };
    struct status_reply answer;
    struct ipc_exchange exchange = {"append", &bounce_append_message, &entry,
                                    &status_reply_message, &answer};

    rights_give_back(delivery);
    if (ipc_call(connection(delivery, which), &exchange, delivery->arena, why) < 0)
        return -1;
    if (answer.status != 0)
        return fail_set(why, "%s", answer.reason);
    return 0;
}

void logs_close(struct delivery *delivery)
{
    for (size_t i = 0; i < DELIVERY_LOGS; i++) {
        ipc_client_free(delivery->logs[i]);
        delivery->logs[i] = NULL;
    }
}
