/*
 * The end of a visit: what has been learnt of the client goes into the cache, unless it
 * has failed a test.
 */
#include "postscreen/visitor.h"

#include "ipc/channel.h"
#include "mail/screenlog.h"
#include "util/log.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GRACE_BYTES = 65536 };

void visitor_passes(struct visitor *visitor, enum test test, int64_t until)
{
    if (!(visitor->screen->tests.enabled & 1U << test) || !(visitor->due & 1U << test))
        return;
    visitor->record.until[test] = until;
    visitor->has_learnt = true;
}

bool visitor_has_passed(const struct visitor *visitor)
{
    const struct screen *screen = visitor->screen;

    return !visitor->failed && !visitor->vetoed &&
           record_due(&visitor->record, &screen->tests, screen_now(screen)) == 0;
}

void visitor_remember(struct visitor *visitor)
{
    struct cache *cache = visitor->screen->cache;
    struct fail why;

    if (!cache || !visitor->has_learnt || visitor->failed || visitor->vetoed)
        return;
    if (cache_put(cache, visitor->address,
                  record_format(&visitor->record, visitor->arena), &why) < 0)
        log_warning("%s", why.text);
}

/* Input that is left unread would have the kernel take back our last words. */
static void drain(const struct visitor *visitor)
{
    char bytes[GRACE_BYTES];

    (void)!recv(visitor->fd, bytes, sizeof bytes, MSG_DONTWAIT);
}

void visitor_free(struct visitor *visitor)
{
    struct screen *screen = visitor->screen;

    loop_cancel(screen->loop, visitor->timer);
    if (visitor->fd >= 0) {
        loop_unwatch(screen->loop, visitor->fd);
        close(visitor->fd);
    }
    dnsbl_end(visitor->inquiry);
    channel_close(visitor->channel);
    limits_release(visitor);
    buf_done(&visitor->header);
    engine_done(&visitor->engine);
    *(visitor->previous ? &visitor->previous->next : &screen->first) = visitor->next;
    if (visitor->next)
        visitor->next->previous = visitor->previous;
    arena_free(visitor->arena);
    free(visitor);
    if (screen->leaving && !screen->first)
        loop_stop(screen->loop);
}

void visitor_leave(struct visitor *visitor)
{
    visitor_remember(visitor);
    if (visitor->has_learnt && visitor->talks && visitor_has_passed(visitor))
        screenlog_pass(visitor->where, !visitor->is_known);
    if (visitor->where)
        screenlog_disconnect(visitor->where);
    drain(visitor);
    visitor_free(visitor);
}

void visitor_dismiss(struct visitor *visitor, const char *reply)
{
    struct buf *out = &visitor->engine.out;

    engine_reply(&visitor->engine, reply);
    (void)!send(visitor->fd, out->p, out->n, MSG_DONTWAIT | MSG_NOSIGNAL);
    visitor_leave(visitor);
}
