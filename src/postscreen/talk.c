/*
 * A conversation with the engine: bytes in, replies out, and a limit to the time that a
 * command may take. A client that does not take its replies is not read from.
 */
#include "postscreen/visitor.h"

#include "mail/screenlog.h"
#include "postscreen/starttls.h"
#include "util/log.h"

#include <errno.h>
#include <sys/socket.h>

enum { READ_SIZE = 4096 };

static void command_late(void *context);
static void ready(void *context, int fd, int events);

static void restart_timer(struct visitor *visitor)
{
    struct screen *screen = visitor->screen;

    loop_cancel(screen->loop, visitor->timer);
    visitor->timer =
        loop_timer(screen->loop, screen->conf->postscreen_command_time_limit * 1000L,
                   command_late, visitor);
}

static void hung_up(struct visitor *visitor)
{
    double seconds =
        (double)(loop_now_ms(visitor->screen->loop) - visitor->since_ms) / 1000;

    screenlog_hangup(visitor->where, true, seconds);
    visitor_leave(visitor);
}

/* False when the client is gone. */
static bool send_replies(struct visitor *visitor)
{
    struct buf *out = &visitor->engine.out;
    ssize_t n;

    if (out->n == 0)
        return true;
    n = send(visitor->fd, out->p, out->n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return false;
    if (n > 0)
        buf_shift(out, (size_t)n);
    return true;
}

/* The verdicts of the engine. Who came so far that tests can be passed has passed those
 * that were not failed; what was failed and ignored is not looked at again soon. */
static void conclude(struct visitor *visitor)
{
    const struct screen *screen = visitor->screen;
    const struct engine *engine = &visitor->engine;
    int64_t now = screen_now(screen);

    visitor->failed |= engine->failed;
    for (size_t i = 0; i < TESTS; i++)
        if (engine->ignored & 1U << i)
            visitor_passes(visitor, (enum test)i, now + screen->tests.min_ttl);
        else if (engine->reached_rcpt && engine->testing & 1U << i)
            visitor_passes(visitor, (enum test)i, now + screen->tests.ttl[i]);
}

/* Do what comes next; the visitor may be gone afterwards. */
static void go_on(struct visitor *visitor)
{
    struct screen *screen = visitor->screen;
    bool waits = visitor->engine.out.n > 0;
    struct fail why;

    if (!send_replies(visitor)) {
        conclude(visitor);
        hung_up(visitor);
        return;
    }
    waits = visitor->engine.out.n > 0;
    if (!waits && visitor->goes == ENGINE_ENDS) {
        conclude(visitor);
        visitor_leave(visitor);
    } else if (!waits && visitor->goes == ENGINE_STARTS_TLS) {
        starttls(visitor);
    } else if (loop_watch(screen->loop, visitor->fd, waits ? LOOP_WRITE : LOOP_READ,
                          ready, visitor, &why) < 0) {
        log_warning("%s: %s", visitor->where, why.text);
        visitor_leave(visitor);
    }
}

static void command_late(void *context)
{
    struct visitor *visitor = context;

    visitor->timer = NULL;
    if (visitor->engine.out.n > 0) { /* it does not take what it is told */
        conclude(visitor);
        hung_up(visitor);
        return;
    }
    visitor->goes = engine_timeout(&visitor->engine);
    restart_timer(visitor);
    go_on(visitor);
}

/* False when the client is gone. */
static bool read_input(struct visitor *visitor)
{
    struct buf *in = &visitor->engine.in;
    ssize_t n = recv(visitor->fd, buf_reserve(in, READ_SIZE), READ_SIZE, MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    buf_added(in, (size_t)n);
    return n > 0;
}

static void ready(void *context, int fd, int events)
{
    struct visitor *visitor = context;
    int commands = visitor->engine.commands;

    (void)fd;
    if (visitor->engine.out.n == 0 && events & LOOP_READ) {
        if (!read_input(visitor)) {
            conclude(visitor);
            hung_up(visitor);
            return;
        }
        visitor->goes = engine_run(&visitor->engine);
        if (visitor->engine.commands != commands)
            restart_timer(visitor);
    }
    go_on(visitor);
}

void visitor_go_on_talking(struct visitor *visitor)
{
    visitor->goes = engine_run(&visitor->engine);
    restart_timer(visitor);
    go_on(visitor);
}

/* In the order in which smtpd names them. */
static void log_discarded(const struct visitor *visitor)
{
    static const char *const keywords[] = {
        "8BITMIME", "AUTH",     "ETRN",     "PIPELINING", "SIZE",
        "STARTTLS", "VRFY",     "XCLIENT",  "XFORWARD",   "ENHANCEDSTATUSCODES",
        "DSN",      "SMTPUTF8", "CHUNKING",
    };
    struct buf names;

    buf_init(&names, 1000);
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (texts_has(&visitor->discarded, str_of(keywords[i]), true))
            buf_printf(&names, " %s", keywords[i]);
    if (names.n && !texts_has(&visitor->discarded, STR("silent-discard"), true))
        screenlog_discarding(visitor->address, visitor->peer.port, buf_text(&names));
    buf_done(&names);
}

static void choose_keywords(struct visitor *visitor)
{
    struct screen *screen = visitor->screen;
    struct str words;
    struct fail why;

    switch (maps_lookup(screen->discarded_keyword_maps, str_of(visitor->address),
                        MAPS_ALL, visitor->arena, &words, &why)) {
    case TABLE_FOUND:
        texts_split(&visitor->discarded, visitor->arena, words, ", \t\r\n");
        visitor->engine.discarded = &visitor->discarded;
        log_discarded(visitor);
        break;
    case TABLE_ERROR: /* what we cannot tell, we do not promise: no TLS, no keyword */
        log_warning("%s", why.text);
        break;
    case TABLE_NOT_FOUND:
        break;
    }
}

void visitor_talk(struct visitor *visitor)
{
    struct engine *engine = &visitor->engine;

    visitor->talks = true;
    engine->testing = visitor->due & TESTS_DEEP;
    engine->failed = visitor->failed;
    choose_keywords(visitor);
    if (!visitor->spoke_early)
        engine_greet(engine);
    visitor->since_ms = loop_now_ms(visitor->screen->loop);
    visitor_go_on_talking(visitor);
}
