/*
 * Before the greeting: half of it is said, and who answers that is no mail server. All
 * the while lists are asked about the address.
 */
#include "postscreen/visitor.h"

#include "mail/screenlog.h"
#include "util/log.h"

#include <errno.h>
#include <sys/socket.h>

enum { AHEAD_MAX = 1023 }; /* bytes that are looked at, and counted */

static double seconds_since(const struct visitor *visitor)
{
    return (double)(loop_now_ms(visitor->screen->loop) - visitor->since_ms) / 1000;
}

static bool is_due(const struct visitor *visitor, enum test test)
{
    return visitor->due & 1U << test;
}

/* --- the end ---------------------------------------------------------------------- */

static int64_t limited_ttl(const struct test_rules *rules, int64_t ttl)
{
    if (ttl > rules->ttl[TEST_DNSBL])
        ttl = rules->ttl[TEST_DNSBL];
    return ttl < rules->min_ttl ? rules->min_ttl : ttl;
}

/* True = it goes on; false = it is gone. */
static bool is_listed(struct visitor *visitor, const struct dnsbl_score *score)
{
    const struct screen *screen = visitor->screen;
    enum action action = screen->tests.actions[TEST_DNSBL];
    const char *reply;

    screenlog_rank(visitor->where, score->rank);
    if (action == ACTION_IGNORE)
        return true;
    visitor->failed = true;
    reply = arena_printf(
        visitor->arena, "%s 5.7.1 Service unavailable; client [%s] blocked using %s",
        action == ACTION_DROP ? "521" : "550", visitor->address, score->worst);
    if (action == ACTION_DROP) {
        visitor_dismiss(visitor, reply);
        return false;
    }
    visitor->engine.refusal = reply;
    return true;
}

/* Who stands on lists of good ones need not be tested, unless it has failed already. */
static bool is_welcome(const struct visitor *visitor, const struct dnsbl_score *score)
{
    int threshold = visitor->screen->conf->postscreen_dnsbl_allowlist_threshold;

    return threshold < 0 && score->rank <= threshold && !visitor->failed;
}

static bool judge_lists(struct visitor *visitor)
{
    struct screen *screen = visitor->screen;
    struct dnsbl_score score;
    int64_t until;

    if (!visitor->inquiry)
        return true;
    score = dnsbl_score(visitor->inquiry, visitor->arena);
    dnsbl_end(visitor->inquiry);
    visitor->inquiry = NULL;
    if (score.rank >= screen->conf->postscreen_dnsbl_threshold)
        return is_listed(visitor, &score);
    until = screen_now(screen) + limited_ttl(&screen->tests, score.ttl);
    visitor_passes(visitor, TEST_DNSBL, until);
    if (!is_welcome(visitor, &score))
        return true;
    for (size_t i = 0; i < TESTS; i++)
        visitor_passes(visitor, (enum test)i, until);
    visitor->due = 0;
    return true;
}

static void go_on(struct visitor *visitor)
{
    struct screen *screen = visitor->screen;

    loop_unwatch(screen->loop, visitor->fd);
    loop_cancel(screen->loop, visitor->timer);
    visitor->timer = NULL;
    if (is_due(visitor, TEST_GREET) && !visitor->spoke_early)
        visitor_passes(visitor, TEST_GREET,
                       screen_now(screen) + screen->tests.ttl[TEST_GREET]);
    if (!judge_lists(visitor))
        return;
    if (visitor->failed || visitor->due & TESTS_DEEP) {
        visitor_talk(visitor);
        return;
    }
    if (visitor_has_passed(visitor))
        screenlog_pass(visitor->where, !visitor->is_known);
    visitor_remember(visitor);
    visitor_hand_over(visitor);
}

static void time_is_up(void *context)
{
    struct visitor *visitor = context;

    visitor->timer = NULL;
    go_on(visitor);
}

/* --- who is too early ------------------------------------------------------------- */

static bool lists_are_done(const struct visitor *visitor)
{
    return !visitor->inquiry || dnsbl_score(visitor->inquiry, visitor->arena).complete;
}

static void too_early(struct visitor *visitor, size_t size, struct str ahead)
{
    struct screen *screen = visitor->screen;

    visitor->spoke_early = true;
    screenlog_pregreet(visitor->where, size, ahead, seconds_since(visitor));
    loop_unwatch(screen->loop, visitor->fd);
    if (screen->tests.actions[TEST_GREET] == ACTION_DROP) {
        visitor->failed = true;
        visitor_dismiss(visitor, ENGINE_DROP_PROTOCOL);
        return;
    }
    if (screen->tests.actions[TEST_GREET] == ACTION_ENFORCE) {
        visitor->failed = true;
        visitor->engine.refusal = ENGINE_PROTOCOL;
    }
    if (lists_are_done(visitor))
        go_on(visitor);
}

static void client_ready(void *context, int fd, int events)
{
    struct visitor *visitor = context;
    char bytes[AHEAD_MAX];
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        screenlog_hangup(visitor->where, false, seconds_since(visitor));
        visitor_leave(visitor);
    } else {
        too_early(visitor, (size_t)n, str_from(bytes, (size_t)n));
    }
}

static void lists_have_answered(void *context)
{
    struct visitor *visitor = context;
    const struct screen *screen = visitor->screen;
    struct dnsbl_score score = dnsbl_score(visitor->inquiry, visitor->arena);

    /* when there is nothing left to find out */
    if (visitor->spoke_early || is_welcome(visitor, &score) ||
        (score.rank >= screen->conf->postscreen_dnsbl_threshold &&
         screen->tests.actions[TEST_DNSBL] == ACTION_DROP))
        go_on(visitor);
}

/* --- the beginning ---------------------------------------------------------------- */

static void tease(struct visitor *visitor)
{
    struct engine *engine = &visitor->engine;

    engine_tease(engine);
    (void)!send(visitor->fd, engine->out.p, engine->out.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    buf_reset(&engine->out);
}

void visitor_test_early(struct visitor *visitor)
{
    struct screen *screen = visitor->screen;
    bool greets = is_due(visitor, TEST_GREET) || visitor->failed;
    struct fail why;

    greets = greets && screen->tests.enabled & 1U << TEST_GREET;
    if (!greets && !is_due(visitor, TEST_DNSBL)) {
        go_on(visitor);
        return;
    }
    if (greets)
        tease(visitor);
    if (is_due(visitor, TEST_DNSBL))
        visitor->inquiry = dnsbl_ask(screen->dnsbl, screen->loop, visitor->address,
                                     lists_have_answered, visitor);
    visitor->since_ms = loop_now_ms(screen->loop);
    visitor->timer = loop_timer(screen->loop, screen->conf->postscreen_greet_wait * 1000L,
                                time_is_up, visitor);
    if (greets && loop_watch(screen->loop, visitor->fd, LOOP_READ, client_ready, visitor,
                             &why) < 0) {
        log_warning("%s: %s", visitor->where, why.text);
        visitor_leave(visitor);
    }
}
