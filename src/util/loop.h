/*
 * The event loop of daemons that serve many: epoll and timers in a heap.
 *
 *     while (loop_step(loop))
 *         ;
 *
 * Callbacks may add and remove anything, themselves included. A callback runs
 * at most once a step for each watch; timers run in order of their time.
 */
#ifndef UTIL_LOOP_H
#define UTIL_LOOP_H

#include "util/attributes.h"
#include "util/clock.h"
#include "util/fail.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_timer;

enum {
    LOOP_READ = 1,
    LOOP_WRITE = 2,
    LOOP_EXCLUSIVE = 4 /* EPOLLEXCLUSIVE: one waiter is woken */
};

struct loop *loop_new(const struct clock *clock);
void loop_free(struct loop *loop);
const struct clock *loop_clock(const struct loop *loop);
int64_t loop_now_ms(const struct loop *loop); /* as of the start of this step */

/*
 * Call ready(context, fd, events) when fd is ready; an error or hang-up is
 * told as readable and writable. A second call for the same fd replaces the
 * first. Regular files cannot be watched.
 */
int loop_watch(struct loop *loop, int fd, int events,
               void (*ready)(void *context, int fd, int events), void *context,
               struct fail *why) MUST_CHECK;
void loop_unwatch(struct loop *loop, int fd); /* before close; unknown fd is fine */

/* Call expired(context) once, delay_ms from now. The timer is gone when the call is made.
 */
struct loop_timer *loop_timer(struct loop *loop, int64_t delay_ms,
                              void (*expired)(void *context), void *context);
void loop_cancel(struct loop *loop, struct loop_timer *timer); /* NULL is fine */

/* Wait for the next event and run what is due. False after loop_stop, or when nothing is
 * left to wait for. */
bool loop_step(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
