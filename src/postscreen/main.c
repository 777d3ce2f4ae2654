/*
 * postscreen(8): one process meets all clients that come to port 25, finds out which
 * are no mail servers, and hands the others over to smtpd. It waits for nobody.
 *
 * Reading order: visitor.h (the life of a client), arrival.c, early.c, talk.c, leave.c,
 * handover.c; engine.c and commands.c (the server that takes no mail), tests.c (what is
 * remembered), dnsbl.c, access.c, limits.c, reply.c, screen.c (set-up).
 */
#include "postscreen/visitor.h"

#include "util/log.h"

static void take_connection(struct process *process, int fd, const struct netaddr *peer)
{
    struct screen *screen = process->state;

    /* a changed table holds for the next client */
    tables_refresh_due(screen->tables, loop_now_ms(screen->loop));
    visitor_arrive(screen, fd, peer);
}

static void last_call(void *context)
{
    struct screen *screen = context;

    screen->last_call = NULL;
    loop_stop(screen->loop);
}

/* Nothing is learnt any more: the cache is for one process at a time. */
static void close_cache(struct screen *screen)
{
    if (screen->cache)
        cache_close(screen->cache);
    screen->cache = NULL;
}

/* Those who are here are served to their end, for a while, beside the process that has
 * the port now. */
static void retire(struct process *process)
{
    struct screen *screen = process->state;

    close_cache(screen);
    screen->leaving = true;
    if (!screen->first) {
        loop_stop(screen->loop);
        return;
    }
    if (!service_detach(process))
        log_warning("cannot go on beside a new process: %m");
    screen->last_call = loop_timer(
        screen->loop, (int64_t)screen->conf->application_event_drain_time * 1000,
        last_call, screen);
}

static void stop(struct process *process)
{
    close_cache(process->state);
}

static int time_limit(const struct conf *conf)
{
    return conf->postscreen_watchdog_timeout;
}

static const struct service postscreen = {
    .name = "postscreen",
    .kind = SERVICE_LOOP,
    .before_jail = screen_before_jail,
    .after_jail = screen_after_jail,
    .before_exit = stop,
    .connection = take_connection,
    .retire = retire,
    .time_limit = time_limit,
    .flags = SERVICE_SOLE | SERVICE_FOREVER,
};

int main(int argc, char **argv)
{
    return service_run(&postscreen, argc, argv);
}
