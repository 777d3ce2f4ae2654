/*
 * A good client goes on to smtpd: its descriptor is sent to the service
 * $smtpd_service_name, of type pass. Until a process there has taken it, it counts as
 * waiting; a queue of clients that nobody serves must not grow.
 */
#include "postscreen/visitor.h"

#include "ipc/channel.h"
#include "ipc/messages.h"
#include "util/log.h"

static void taken(void *context, bool unread, const char *reason)
{
    struct visitor *visitor = context;

    visitor->channel = NULL;
    if (unread)
        log_warning("%s: smtpd did not take the connection: %s", visitor->where, reason);
    visitor_free(visitor);
}

static void too_late(void *context)
{
    struct visitor *visitor = context;

    visitor->timer = NULL;
    log_warning("%s: no smtpd has taken the connection in time", visitor->where);
    visitor_dismiss(visitor, "421 4.3.2 All server ports are busy");
}

static void said(void *context, struct str message)
{
    (void)context;
    (void)message; /* services of type pass say nothing */
}

static void send_over(struct visitor *visitor)
{
    char client[NETADDR_TEXT], server[NETADDR_TEXT];
    struct passed passed = {0};

    if (visitor->told)
        passed =
            (struct passed){netaddr_text(&visitor->peer, client), visitor->peer.port,
                            netaddr_text(&visitor->local, server), visitor->local.port};
    ipc_add(channel_output(visitor->channel), &passed_message, &passed);
    channel_send(visitor->channel, visitor->fd);
}

void visitor_hand_over(struct visitor *visitor)
{
    static const struct channel_owner owner = {.message = said, .gone = taken};
    struct screen *screen = visitor->screen;
    const char *path =
        arena_printf(visitor->arena, "private/%s", screen->conf->smtpd_service_name);
    struct fail why;

    loop_unwatch(screen->loop, visitor->fd);
    if (!limits_let_pass(visitor)) {
        visitor_dismiss(visitor, visitor->refusal);
        return;
    }
    visitor->channel = channel_open(screen->loop, path, NULL, &owner, visitor, &why);
    if (!visitor->channel) {
        log_warning("cannot connect to service %s: %s", path, why.text);
        visitor->has_learnt = false; /* it was told of already */
        visitor_talk(visitor);       /* where it hears that it may try again */
        return;
    }
    send_over(visitor);
    visitor->timer =
        loop_timer(screen->loop, screen->conf->ipc_timeout * 1000L, too_late, visitor);
}
