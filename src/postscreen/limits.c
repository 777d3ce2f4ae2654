/*
 * How many may be here at once: in all, from one address, and in front of smtpd. Near the
 * first limit the process is under stress, and has less patience with everybody.
 */
#include "postscreen/visitor.h"

#include "mail/screenlog.h"
#include "util/memory.h"

enum { STRESS_PERCENT = 90, CALM_PERCENT = 70 };

/* How many connections an address has. */
struct count {
    int n;
};

static void look_at_stress(struct screen *screen)
{
    size_t limit = (size_t)screen->calm->postscreen_pre_queue_limit;
    size_t n = screen->checking;
    bool stressed = screen->is_stressed;

    if (stressed ? n * 100 > limit * CALM_PERCENT : n * 100 < limit * STRESS_PERCENT)
        return;
    screen->is_stressed = !stressed;
    screen->conf = stressed ? screen->calm : screen->stressed;
    screenlog_stress(!stressed, n);
}

static bool refuse(struct visitor *visitor, const char *reason, const char *reply)
{
    screenlog_refused(visitor->where, reason);
    visitor->refusal = reply;
    return false;
}

static int count_in(struct visitor *visitor)
{
    struct map *counts = visitor->screen->counts;
    struct count *count = map_get(counts, str_of(visitor->address));

    if (!count) {
        count = MEMORY_NEW(struct count);
        (void)map_set(counts, str_of(visitor->address), count);
    }
    visitor->counted = true;
    return ++count->n;
}

static void count_out(struct visitor *visitor)
{
    struct map *counts = visitor->screen->counts;
    struct count *count = map_get(counts, str_of(visitor->address));

    if (--count->n == 0)
        free(map_remove(counts, str_of(visitor->address)));
    visitor->counted = false;
}

void limits_arrives(struct visitor *visitor)
{
    visitor->screen->checking++;
    look_at_stress(visitor->screen);
}

bool limits_let_in(struct visitor *visitor)
{
    const struct conf *conf = visitor->screen->conf;
    int limit = conf->postscreen_client_connection_count_limit;

    if (count_in(visitor) > limit && limit > 0)
        return refuse(visitor, "too many connections",
                      "421 4.7.0 Error: too many connections");
    if (visitor->screen->checking >= (size_t)conf->postscreen_pre_queue_limit) {
        screenlog_busy(visitor->where);
        visitor->refusal = "421 4.3.2 All screening ports are busy";
        return false;
    }
    return true;
}

bool limits_let_pass(struct visitor *visitor)
{
    struct screen *screen = visitor->screen;

    if (screen->passing >= (size_t)screen->conf->postscreen_post_queue_limit)
        return refuse(visitor, "all server ports busy",
                      "421 4.3.2 All server ports are busy");
    visitor->is_passing = true;
    screen->passing++;
    screen->checking--;
    look_at_stress(screen);
    return true;
}

void limits_release(struct visitor *visitor)
{
    struct screen *screen = visitor->screen;

    if (visitor->counted)
        count_out(visitor);
    if (visitor->is_passing) {
        screen->passing--;
        return;
    }
    screen->checking--;
    look_at_stress(screen);
}
