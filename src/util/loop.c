/*
 * The event loop. A watch carries a generation, so that an event that was
 * fetched for a descriptor closed meanwhile does not reach the next owner of
 * the same number. Timers live in a binary heap; equal times run in the order
 * in which the timers were made.
 */
#include "util/loop.h"

#include "util/log.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS_A_STEP = 64 };

struct watch {
    void (*ready)(void *context, int fd, int events); /* NULL = not watched */
    void *context;
    uint32_t generation;
    int events;
};

struct loop_timer {
    int64_t due_ms;
    uint64_t number; /* order of making */
    size_t at;       /* place in the heap */
    void (*expired)(void *context);
    void *context;
};

struct loop {
    const struct clock *clock;
    int epoll;
    int64_t now_ms;
    struct watch *watches; /* by descriptor */
    size_t watches_size, watches_n;
    struct loop_timer **timers;
    size_t timers_size, timers_n;
    uint64_t timers_made;
    bool stopped;
};

static void *larger(void *old, size_t *size, size_t want, size_t element)
{
    size_t new_size = *size ? *size : 16;
    char *p;

    while (new_size < want)
        new_size *= 2;
    p = reallocarray(old, new_size, element);
    if (p == NULL)
        fatal("out of memory: %zu watches or timers", new_size);
    memset(p + *size * element, 0, (new_size - *size) * element);
    *size = new_size;
    return p;
}

struct loop *loop_new(const struct clock *clock)
{
    struct loop *loop = calloc(1, sizeof(*loop));

    if (loop == NULL)
        fatal("out of memory: event loop");
    loop->clock = clock;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0)
        fatal("event loop: %m");
    loop->now_ms = clock_ms(clock);
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    for (size_t i = 0; i < loop->timers_n; i++)
        free(loop->timers[i]);
    free(loop->timers);
    free(loop->watches);
    close(loop->epoll);
    free(loop);
}

const struct clock *loop_clock(const struct loop *loop)
{
    return loop->clock;
}
int64_t loop_now_ms(const struct loop *loop)
{
    return loop->now_ms;
}
void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}

/* --- descriptors -------------------------------------------------------------- */

static struct watch *watch_of(const struct loop *loop, int fd)
{
    return fd >= 0 && (size_t)fd < loop->watches_size && loop->watches[fd].ready
               ? &loop->watches[fd]
               : NULL;
}

void loop_unwatch(struct loop *loop, int fd)
{
    struct watch *watch = watch_of(loop, fd);

    if (watch == NULL)
        return;
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd,
              NULL); /* fails when fd was closed: gone too */
    watch->ready = NULL;
    watch->generation++;
    loop->watches_n--;
}

static struct epoll_event event_for(int fd, const struct watch *watch)
{
    return (struct epoll_event){
        .events = (watch->events & LOOP_READ ? EPOLLIN : 0) |
                  (watch->events & LOOP_WRITE ? EPOLLOUT : 0) |
                  (watch->events & LOOP_EXCLUSIVE ? EPOLLEXCLUSIVE : 0),
        .data.u64 = (uint64_t)watch->generation << 32 | (uint32_t)fd,
    };
}

/* Change what the kernel watches for; cheaper than taking the watch away and adding it.
 */
static bool modify(struct loop *loop, int fd, struct watch *watch, int events)
{
    struct epoll_event event;
    int before = watch->events;

    if ((before | events) & LOOP_EXCLUSIVE)
        return false;
    watch->events = events;
    event = event_for(fd, watch);
    if (before == events || epoll_ctl(loop->epoll, EPOLL_CTL_MOD, fd, &event) == 0)
        return true;
    watch->events = before;
    return false;
}

int loop_watch(struct loop *loop, int fd, int events,
               void (*ready)(void *context, int fd, int events), void *context,
               struct fail *why)
{
    struct watch *watch = watch_of(loop, fd);
    struct epoll_event event;

    if (watch && modify(loop, fd, watch, events)) {
        watch->ready = ready;
        watch->context = context;
        return 0;
    }
    loop_unwatch(loop, fd);
    if (fd >= 0 && (size_t)fd >= loop->watches_size)
        loop->watches =
            larger(loop->watches, &loop->watches_size, (size_t)fd + 1, sizeof(*watch));
    if (fd < 0) {
        errno = EBADF;
        return fail_set(why, "watch descriptor %d: %m", fd);
    }
    watch = &loop->watches[fd];
    watch->events = events;
    event = event_for(fd, watch);
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        return fail_set(why, "watch descriptor %d: %m", fd);
    watch->ready = ready;
    watch->context = context;
    loop->watches_n++;
    return 0;
}

static void run_event(struct loop *loop, const struct epoll_event *event)
{
    int fd = (int)(uint32_t)event->data.u64;
    struct watch *watch = watch_of(loop, fd);
    int events = 0;

    if (watch == NULL || watch->generation != event->data.u64 >> 32)
        return;
    if (event->events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        events |= LOOP_READ;
    if (event->events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
        events |= LOOP_WRITE;
    /* The watch may have been changed earlier in this step. */
    events &= watch->events;
    if (events != 0)
        watch->ready(watch->context, fd, events);
}

/* --- timers -------------------------------------------------------------------- */

static bool is_before(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->due_ms < b->due_ms || (a->due_ms == b->due_ms && a->number < b->number);
}

static void place(struct loop *loop, struct loop_timer *timer, size_t at)
{
    loop->timers[at] = timer;
    timer->at = at;
}

/* Put timer into the hole at `at`, which may have to move. */
static void sift(struct loop *loop, struct loop_timer *timer, size_t at)
{
    size_t child;

    while (at > 0 && is_before(timer, loop->timers[(at - 1) / 2])) {
        place(loop, loop->timers[(at - 1) / 2], at);
        at = (at - 1) / 2;
    }
    while ((child = 2 * at + 1) < loop->timers_n) {
        if (child + 1 < loop->timers_n &&
            is_before(loop->timers[child + 1], loop->timers[child]))
            child++;
        if (is_before(timer, loop->timers[child]))
            break;
        place(loop, loop->timers[child], at);
        at = child;
    }
    place(loop, timer, at);
}

struct loop_timer *loop_timer(struct loop *loop, int64_t delay_ms,
                              void (*expired)(void *context), void *context)
{
    struct loop_timer *timer = malloc(sizeof(*timer));

    if (timer == NULL)
        fatal("out of memory: timer");
    *timer = (struct loop_timer){
        .due_ms = clock_ms(loop->clock) + (delay_ms > 0 ? delay_ms : 0),
        .number = loop->timers_made++,
        .expired = expired,
        .context = context,
    };
    if (loop->timers_n == loop->timers_size)
        loop->timers = larger(loop->timers, &loop->timers_size, loop->timers_n + 1,
                              sizeof(struct loop_timer *));
    loop->timers_n++;
    sift(loop, timer, loop->timers_n - 1);
    return timer;
}

static void take_out(struct loop *loop, const struct loop_timer *timer)
{
    struct loop_timer *last = loop->timers[--loop->timers_n];

    if (last != timer)
        sift(loop, last, timer->at);
}

void loop_cancel(struct loop *loop, struct loop_timer *timer)
{
    if (timer == NULL)
        return;
    take_out(loop, timer);
    free(timer);
}

/* Run what is due now; what callbacks add waits for the next step. */
static void run_timers(struct loop *loop)
{
    uint64_t made = loop->timers_made;

    while (loop->timers_n > 0) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): who frees one takes it out first */
        struct loop_timer due = *loop->timers[0];

        if (due.due_ms > loop->now_ms || due.number >= made)
            return;
        loop_cancel(loop, loop->timers[0]);
        due.expired(due.context);
    }
}

/* --- the step ------------------------------------------------------------------- */

/* Milliseconds until the next timer; -1 = there is none. */
static int64_t until_next_timer(const struct loop *loop)
{
    int64_t left;

    if (loop->timers_n == 0)
        return -1;
    left = loop->timers[0]->due_ms - clock_ms(loop->clock);
    return left > 0 ? left : 0;
}

static int wait_for_events(struct loop *loop, struct epoll_event *events)
{
    int64_t limit_ms = until_next_timer(loop);
    bool simulated = loop->clock->pass_ms != NULL && limit_ms > 0;
    int n = epoll_wait(loop->epoll, events, EVENTS_A_STEP,
                       simulated            ? 0
                       : limit_ms > INT_MAX ? INT_MAX
                                            : (int)limit_ms);

    if (n < 0 && errno != EINTR)
        fatal("event loop: %m");
    if (n == 0 && simulated)
        loop->clock->pass_ms(loop->clock, limit_ms);
    return n;
}

bool loop_step(struct loop *loop)
{
    struct epoll_event events[EVENTS_A_STEP];
    int n;

    if (loop->stopped || (loop->watches_n == 0 && loop->timers_n == 0))
        return false;
    n = wait_for_events(loop, events);
    loop->now_ms = clock_ms(loop->clock);
    run_timers(loop);
    for (int i = 0; i < n; i++)
        run_event(loop, &events[i]);
    return !loop->stopped;
}
