#include "unit.h"

#include "util/loop.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A clock that stands still until somebody lets time pass. */
static int64_t fake_ms(const struct clock *clock)
{
    return *(int64_t *)clock->state;
}
static void fake_pass(const struct clock *clock, int64_t ms)
{
    *(int64_t *)clock->state += ms;
}

static struct clock fake_clock(int64_t *now)
{
    return (struct clock){.monotonic_ms = fake_ms, .pass_ms = fake_pass, .state = now};
}

/* What happened, as a text. */
struct story {
    struct loop *loop;
    char text[200];
    int fds[2], other[2];
    struct loop_timer *timer;
};

struct word {
    struct story *story;
    const char *text;
};

static void tell(void *context)
{
    struct word *word = context;

    strcat(word->story->text, word->text);
}

static void runs_timers_in_order_of_time(void **state)
{
    int64_t now = 1000;
    struct clock clock = fake_clock(&now);
    struct story story = {.loop = loop_new(&clock)};
    struct word words[] = {{&story, "a"}, {&story, "b"}, {&story, "c"}, {&story, "d"}};

    (void)state;
    loop_timer(story.loop, 30, tell, &words[2]);
    loop_timer(story.loop, 10, tell, &words[0]);
    loop_timer(story.loop, 30, tell, &words[3]);
    loop_timer(story.loop, 20, tell, &words[1]);
    while (loop_step(story.loop))
        ;
    assert_string_equal(story.text, "abcd");
    assert_int_equal(now, 1030);
    loop_free(story.loop);
}

static void keeps_order_among_many_timers(void **state)
{
    int64_t now = 0;
    struct clock clock = fake_clock(&now);
    struct story story = {.loop = loop_new(&clock)};
    struct word word = {&story, ""};
    struct loop_timer *timers[500];
    int64_t last = 0;

    (void)state;
    for (int i = 0; i < 500; i++)
        timers[i] = loop_timer(story.loop, 1 + i * 7919 % 1000, tell, &word);
    for (int i = 0; i < 500; i += 3)
        loop_cancel(story.loop, timers[i]);
    loop_cancel(story.loop, NULL);
    while (loop_step(story.loop)) {
        assert_true(now >= last);
        last = now;
    }
    assert_in_range(now, 990, 1000);
    loop_free(story.loop);
}

static void again(void *context)
{
    struct story *story = context;

    strcat(story->text, "x");
    if (strlen(story->text) < 5)
        loop_timer(story->loop, 0, again, story);
}

static void a_timer_may_set_the_next(void **state)
{
    int64_t now = 0;
    struct clock clock = fake_clock(&now);
    struct story story = {.loop = loop_new(&clock)};
    int steps = 0;

    (void)state;
    loop_timer(story.loop, 0, again, &story);
    while (loop_step(story.loop))
        steps++;
    assert_int_equal(steps, 5); /* a step each, so that events come between */
    assert_string_equal(story.text, "xxxxx");
    loop_free(story.loop);
}

static void take_byte(void *context, int fd, int events)
{
    struct story *story = context;
    char c;

    if (events & LOOP_WRITE)
        strcat(story->text, "w");
    if (!(events & LOOP_READ))
        return;
    if (read(fd, &c, 1) == 1) {
        strncat(story->text, &c, 1);
    } else {
        strcat(story->text, "$");
        loop_unwatch(story->loop, fd);
    }
}

static void tells_what_is_ready(void **state)
{
    struct story story = {.loop = loop_new(&clock_system)};
    struct fail why;

    (void)state;
    assert_false(loop_step(story.loop)); /* nothing to wait for */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, story.fds), 0);
    assert_int_equal(
        loop_watch(story.loop, story.fds[0], LOOP_READ, take_byte, &story, &why), 0);
    assert_int_equal(write(story.fds[1], "ab", 2), 2);
    assert_true(loop_step(story.loop));
    assert_string_equal(story.text, "a");
    assert_int_equal(loop_watch(story.loop, story.fds[0], LOOP_READ | LOOP_WRITE,
                                take_byte, &story, &why),
                     0);
    assert_true(loop_step(story.loop));
    assert_string_equal(story.text, "awb");
    assert_int_equal(
        loop_watch(story.loop, story.fds[0], LOOP_READ, take_byte, &story, &why), 0);
    close(story.fds[1]);
    while (loop_step(story.loop))
        ;
    assert_string_equal(story.text, "awb$");
    loop_unwatch(story.loop, 999);
    loop_unwatch(story.loop, -1);
    close(story.fds[0]);
    loop_free(story.loop);
}

static void tell_newcomer(void *context, int fd, int events)
{
    struct story *story = context;

    (void)fd, (void)events;
    strcat(story->text, "newcomer ");
}

/* Whichever of the two runs first closes the other and lets a newcomer have its number.
 */
static void close_other(void *context, int fd, int events)
{
    struct story *story = context;
    int other = fd == story->fds[0] ? story->other[0] : story->fds[0];
    struct fail why;

    (void)events;
    strcat(story->text, "first ");
    loop_unwatch(story->loop, other);
    loop_unwatch(story->loop, fd);
    assert_int_equal(dup2(STDIN_FILENO, other), other);
    assert_int_equal(dup2(story->fds[1], other), other); /* nothing to read here */
    assert_int_equal(
        loop_watch(story->loop, other, LOOP_READ, tell_newcomer, story, &why), 0);
    loop_stop(story->loop);
}

static void tells_no_newcomer_what_was_meant_for_the_last_owner(void **state)
{
    struct story story = {.loop = loop_new(&clock_system)};
    struct fail why;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, story.fds), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, story.other), 0);
    assert_int_equal(
        loop_watch(story.loop, story.fds[0], LOOP_READ, close_other, &story, &why), 0);
    assert_int_equal(
        loop_watch(story.loop, story.other[0], LOOP_READ, close_other, &story, &why), 0);
    assert_int_equal(write(story.fds[1], "a", 1), 1);
    assert_int_equal(write(story.other[1], "a", 1), 1);
    assert_false(loop_step(story.loop));
    assert_string_equal(story.text, "first ");
    loop_free(story.loop);
    for (int i = 0; i < 2; i++) {
        close(story.fds[i]);
        close(story.other[i]);
    }
}

static void stop(void *context)
{
    loop_stop(context);
}

static void watches_exclusively_and_stops(void **state)
{
    struct story story = {.loop = loop_new(&clock_system)};
    struct fail why;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, story.fds), 0);
    for (int i = 0; i < 2; i++) /* the second call replaces the first */
        assert_int_equal(loop_watch(story.loop, story.fds[0], LOOP_READ | LOOP_EXCLUSIVE,
                                    take_byte, &story, &why),
                         0);
    assert_int_equal(write(story.fds[1], "e", 1), 1);
    assert_true(loop_step(story.loop));
    assert_string_equal(story.text, "e");
    loop_timer(story.loop, 0, stop, story.loop);
    while (loop_step(story.loop))
        ;
    assert_false(loop_step(story.loop));
    close(story.fds[0]);
    close(story.fds[1]);
    loop_free(story.loop);
}

static void cannot_watch_files(void **state)
{
    struct loop *loop = loop_new(&clock_system);
    struct fail why;
    FILE *fp = tmpfile();

    (void)state;
    assert_int_equal(loop_watch(loop, fileno(fp), LOOP_READ, take_byte, NULL, &why), -1);
    assert_int_equal(loop_watch(loop, -1, LOOP_READ, take_byte, NULL, &why), -1);
    assert_false(loop_step(loop));
    fclose(fp);
    loop_free(loop);
    loop_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_timers_in_order_of_time),
        cmocka_unit_test(keeps_order_among_many_timers),
        cmocka_unit_test(a_timer_may_set_the_next),
        cmocka_unit_test(tells_what_is_ready),
        cmocka_unit_test(tells_no_newcomer_what_was_meant_for_the_last_owner),
        cmocka_unit_test(watches_exclusively_and_stops),
        cmocka_unit_test(cannot_watch_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
