/*
 * The request goes on with the open queue file. An agent that retires just when
 * we come has not read it: it is said again.
 */
#include "deliver/pass.h"

#include "mail/address.h"
#include "mail/transport.h"
#include "util/log.h"

#include <errno.h>

enum { TRIES = 3 };

static size_t count_open(const struct delivery *delivery)
{
    size_t n = 0;

    for (size_t i = 0; i < delivery->n; i++)
        n += !delivery->recipients[i].reported;
    return n;
}

static void put_request(const struct delivery *delivery, struct transport_route route,
                        struct stream *to)
{
    struct deliver request = delivery->request;
    struct timeval now = clock_wall(&clock_system);

    request.transport = arena_copy_str(delivery->arena, route.transport);
    if (route.nexthop.n > 0)
        request.nexthop = arena_copy_str(delivery->arena, route.nexthop);
    request.agent_us = (long long)now.tv_sec * 1000000 + now.tv_usec;
    request.recipients = (long long)count_open(delivery);
    ipc_put_request(to, "deliver", &deliver_message, &request);
    for (size_t i = 0; i < delivery->n; i++) {
        const struct delivery_recipient *r = &delivery->recipients[i];

        if (!r->reported)
            ipc_put(to, &deliver_recipient_message,
                    &(struct deliver_recipient){.address = r->address,
                                                .original = r->original,
                                                .offset = r->offset,
                                                .orcpt = r->orcpt,
                                                .notify = r->notify});
    }
}

static int exchange(struct delivery *delivery, struct transport_route route,
                    struct ipc_client *service, struct delivered *ret, struct fail *why)
{
    struct stream *to = ipc_client_stream(service, why);
    enum stream_result sent;

    if (to == NULL)
        return -1;
    put_request(delivery, route, to);
    sent = stream_flush_with_fd(to, delivery->fd);
    if (sent != STREAM_OK) {
        (void)fail_set(why, "send: %s", stream_result_text(sent));
        why->code = sent == STREAM_RESET ? ECONNRESET : why->code;
        return -1;
    }
    return ipc_receive(to, &delivered_message, delivery->arena, ret, why);
}

static int hand_over(struct delivery *delivery, struct transport_route route,
                     struct delivered *ret, struct fail *why)
{
    const char *path =
        arena_printf(delivery->arena, "private/%.*s", STR_ARG(route.transport));
    struct ipc_client *service =
        ipc_client_new(path, NULL, delivery->process->conf->ipc_timeout * 1000L);
    int result = -1;

    for (int i = 0; i < TRIES; i++) {
        result = exchange(delivery, route, service, ret, why);
        if (result == 0 || why->code != ECONNRESET)
            break;
        ipc_client_close(service);
    }
    ipc_client_free(service);
    return result;
}

static void log_passing(const struct delivery *delivery, struct transport_route route)
{
    for (size_t i = 0; i < delivery->n; i++)
        if (!delivery->recipients[i].reported)
            log_info("%s: passing <%s> to transport=%.*s", delivery->request.queue_id,
                     address_external(delivery->arena,
                                      str_of(delivery->recipients[i].address)),
                     STR_ARG(route.transport));
}

int delivery_pass(struct delivery *delivery, const char *route_text, struct fail *why)
{
    struct transport_route route = transport_split(str_of(route_text));
    struct delivered answer = {0};

    if (route.transport.n == 0 || str_is(route.transport, delivery->process->name))
        return fail_set(why, "\"%s\" names no other transport", route_text);
    log_passing(delivery, route);
    *why = (struct fail){0};
    if (hand_over(delivery, route, &answer, why) < 0)
        return fail_prefix(why, "transport %.*s", STR_ARG(route.transport));
    for (size_t i = 0; i < delivery->n; i++)
        delivery->recipients[i].reported = true;
    delivery->deferred += (size_t)answer.deferred;
    delivery->unlogged += (size_t)answer.unlogged;
    if (answer.reason[0])
        delivery_destination_trouble(delivery, answer.status, answer.reason);
    return 0;
}
