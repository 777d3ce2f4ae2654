/*
 * Hands the client's descriptor to tlsproxy and takes the connection to tlsproxy in its
 * place. Only when tlsproxy has it is the client told to begin; without tlsproxy the
 * conversation goes on in the clear.
 */
#include "postscreen/starttls.h"

#include "ipc/channel.h"
#include "ipc/messages.h"
#include "util/log.h"

#include <sys/socket.h>
#include <unistd.h>

#define NOT_AVAILABLE "454 4.7.0 TLS not available due to local problem"

static void stays_in_clear(struct visitor *visitor, const char *reason)
{
    log_warning("%s: no STARTTLS: %s", visitor->where, reason);
    engine_reply(&visitor->engine, NOT_AVAILABLE);
    visitor_go_on_talking(visitor);
}

static void lost(void *context, bool unread, const char *reason)
{
    struct visitor *visitor = context;

    (void)unread;
    visitor->channel = NULL;
    stays_in_clear(visitor, reason);
}

/* From here on the client is on the other side of tlsproxy. Nothing that was said in the
 * clear, by whomever, is left. */
static void change_sides(struct visitor *visitor)
{
    struct engine *engine = &visitor->engine;
    const char ready[] = "220 2.0.0 Ready to start TLS\r\n";

    (void)!send(visitor->fd, ready, sizeof ready - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(visitor->fd);
    engine_forget(engine);
    engine->in_tls = true;
    visitor->fd = channel_detach(visitor->channel, &engine->in);
    visitor->channel = NULL;
    visitor_go_on_talking(visitor);
}

static void answered(void *context, struct str bytes)
{
    struct visitor *visitor = context;
    struct status_reply reply;
    struct fail why;

    if (ipc_decode(&bytes, &status_reply_message, visitor->arena, &reply, &why) < 0)
        (void)fail_prefix(&why, "tlsproxy");
    else if (reply.status != 0)
        (void)fail_set(&why, "%s", reply.reason);
    else {
        change_sides(visitor);
        return;
    }
    channel_close(visitor->channel);
    visitor->channel = NULL;
    stays_in_clear(visitor, why.text);
}

static void late(void *context)
{
    struct visitor *visitor = context;

    visitor->timer = NULL;
    channel_close(visitor->channel);
    visitor->channel = NULL;
    stays_in_clear(visitor, "tlsproxy does not answer");
}

static void ask(struct visitor *visitor)
{
    const struct screen *screen = visitor->screen;
    const struct conf *conf = screen->conf;

    ipc_add_request(channel_output(visitor->channel), "begin", &tlsproxy_begin_message,
                    &(struct tlsproxy_begin){
                        .role = TLSPROXY_SERVER,
                        .flags = screen->engine.needs_tls ? TLSPROXY_MANDATORY : 0,
                        .service = screen->process->name,
                        .peer_name = "unknown",
                        .peer_address = visitor->address,
                        .peer_port = visitor->peer.port,
                        .handshake_s = conf->postscreen_starttls_timeout,
                        .silence_s = conf->postscreen_command_time_limit,
                    });
    channel_send(visitor->channel, visitor->fd);
}

void starttls(struct visitor *visitor)
{
    static const struct channel_owner owner = {.message = answered, .gone = lost};
    struct screen *screen = visitor->screen;
    const char *path =
        arena_printf(visitor->arena, "private/%s", screen->conf->tlsproxy_service_name);
    struct fail why;

    loop_unwatch(screen->loop, visitor->fd);
    loop_cancel(screen->loop, visitor->timer);
    visitor->timer = loop_timer(
        screen->loop, screen->conf->postscreen_starttls_timeout * 1000L, late, visitor);
    visitor->channel =
        channel_open(screen->loop, path, "tlsproxy", &owner, visitor, &why);
    if (visitor->channel)
        ask(visitor);
    else
        stays_in_clear(visitor, why.text);
}
