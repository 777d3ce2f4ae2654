/*
 * Other delivery agents: mailbox_transport, fallback_transport and their
 * tables. The other agent gets the request as if the queue manager had sent
 * it, with the open queue file, and does all that is to be done.
 */
#include "local/local.h"

#include "deliver/rights.h"
#include "mail/address.h"
#include "mail/transport.h"
#include "util/log.h"

#include <errno.h>

/* --- the request ---------------------------------------------------------------------
 */

static void put_request(struct attempt *attempt, const struct step *step,
                        struct stream *to, struct transport_route route)
{
    const struct delivery_recipient *recipient = attempt->recipient;
    struct deliver request = attempt->delivery->request;
    struct timeval now = clock_wall(&clock_system);
    struct deliver_recipient whom = {.address = step->address,
                                     .original = step->original,
                                     .offset = step->depth ? 0 : recipient->offset,
                                     .orcpt = recipient->orcpt,
                                     .notify = attempt->notify};

    request.transport = arena_copy_str(attempt->arena, route.transport);
    if (route.nexthop.n)
        request.nexthop = arena_copy_str(attempt->arena, route.nexthop);
    request.sender = attempt_sender(attempt, step);
    request.agent_us = (long long)now.tv_sec * 1000000 + now.tv_usec;
    request.recipients = 1;
    ipc_put_request(to, "deliver", &deliver_message, &request);
    ipc_put(to, &deliver_recipient_message, &whom);
}

static int exchange(struct attempt *attempt, const struct step *step,
                    struct transport_route route, struct ipc_client *service,
                    struct delivered *ret, struct fail *why)
{
    struct stream *to;
    enum stream_result sent;

    rights_give_back(attempt->delivery);
    to = ipc_client_stream(service, why);
    if (!to)
        return -1;
    put_request(attempt, step, to, route);
    sent = stream_flush_with_fd(to, attempt->delivery->fd);
    if (sent != STREAM_OK) {
        fail_set(why, "send: %s", stream_result_text(sent));
        if (sent == STREAM_RESET)
            why->code = ECONNRESET;
        return -1;
    }
    return ipc_receive(to, &delivered_message, attempt->arena, ret, why);
}

/* The other agent may retire just when we come: what it did not read is said again. */
static int hand_over(struct attempt *attempt, const struct step *step,
                     struct transport_route route, struct delivered *ret,
                     struct fail *why)
{
    const char *path =
        arena_printf(attempt->arena, "private/%.*s", STR_ARG(route.transport));
    struct ipc_client *service =
        ipc_client_new(path, NULL, attempt->agent->conf->ipc_timeout * 1000L);
    int result = -1;

    for (int i = 0; i < 3; i++) {
        result = exchange(attempt, step, route, service, ret, why);
        if (result == 0 || why->code != ECONNRESET)
            break;
        ipc_client_close(service);
    }
    ipc_client_free(service);
    return result;
}

static void pass_on(struct attempt *attempt, const struct step *step,
                    struct transport_route route)
{
    struct delivery *delivery = attempt->delivery;
    struct delivered answer;
    struct fail why = {0};

    log_info("%s: passing <%s> to transport=%.*s", delivery->request.queue_id,
             address_external(attempt->arena, str_of(step->address)),
             STR_ARG(route.transport));
    if (hand_over(attempt, step, route, &answer, &why) < 0) {
        log_warning("transport %.*s: %s", STR_ARG(route.transport), why.text);
        attempt_outcome(attempt, step, "4.3.0", "mail transport unavailable");
        return;
    }
    if (answer.deferred > 0)
        attempt->deferred = true;
    attempt->passed_on = step->depth == 0; /* a part does not mark the whole */
    if (answer.reason[0])
        delivery_destination_trouble(delivery, answer.status, answer.reason);
}

/* --- who -------------------------------------------------------------------------------
 */

bool transport_deliver(struct attempt *attempt, const struct step *step,
                       const char *destination)
{
    struct transport_route route = transport_split(str_of(destination));

    if (route.transport.n == 0)
        return false;
    if (str_is(route.transport, attempt->agent->process->name)) {
        log_warning("%s: transport \"%s\" for <%s> is this one: mail would go in circles",
                    attempt->delivery->request.queue_id, destination, step->address);
        attempt_outcome(attempt, step, "4.3.5", "mail system configuration error");
        return true;
    }
    pass_on(attempt, step, route);
    return true;
}

int transport_ask(struct attempt *attempt, const struct step *step,
                  const struct maps *maps, const char **ret)
{
    const char *keys[] = {*step->suffix
                              ? arena_printf(attempt->arena, "%s%c%s", step->name,
                                             *step->suffix, step->extension)
                              : NULL,
                          step->name};

    for (size_t i = 0; i < COUNT(keys) && !maps_empty(maps); i++) {
        enum table_result result = TABLE_NOT_FOUND;
        struct str value;
        struct fail why;

        if (keys[i])
            result = maps_lookup(maps, str_of(keys[i]), MAPS_ALL, attempt->arena, &value,
                                 &why);
        if (result == TABLE_FOUND) {
            *ret = value.p;
            return 1;
        }
        if (result == TABLE_ERROR) {
            log_warning("%s", why.text);
            attempt_outcome(attempt, step, "4.3.0", "table lookup failure");
            return -1;
        }
    }
    return 0;
}

bool transport_deliver_by(struct attempt *attempt, const struct step *step,
                          const struct maps *maps, const char *destination)
{
    const char *value;
    int found = transport_ask(attempt, step, maps, &value);

    if (found < 0)
        return true;
    if (found > 0 && transport_deliver(attempt, step, value))
        return true;
    return transport_deliver(attempt, step, destination);
}
