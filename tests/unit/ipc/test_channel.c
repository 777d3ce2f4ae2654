/* Channels on a loop, talking to a server that the test plays by hand. */
#include "unit.h"

#include "ipc/channel.h"
#include "ipc/messages.h"
#include "net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct story {
    char path[64];
    struct loop *loop;
    int listener, server; /* the server's end of the connection */
    struct channel *channel;
    int ready, messages, gone;
    bool unread, close_at_message;
    struct buf *detach_into; /* at the next message */
    int detached;
    char reason[200], last[200];
};

static void is_ready(void *context)
{
    ((struct story *)context)->ready++;
}

static void has_message(void *context, struct str bytes)
{
    struct story *story = context;
    struct arena *arena = arena_new("test");
    struct status_reply reply;
    struct fail why;

    assert_int_equal(ipc_decode(&bytes, &status_reply_message, arena, &reply, &why), 0);
    snprintf(story->last, sizeof(story->last), "%s", reply.reason);
    story->messages++;
    if (story->detach_into) {
        story->detached = channel_detach(story->channel, story->detach_into);
        story->channel = NULL;
    } else if (story->close_at_message) {
        channel_close(story->channel);
        story->channel = NULL;
    }
    arena_free(arena);
}

static void is_gone(void *context, bool unread, const char *reason)
{
    struct story *story = context;

    story->gone++;
    story->channel = NULL;
    story->unread = unread;
    snprintf(story->reason, sizeof(story->reason), "%s", reason);
}

static const struct channel_owner owner = {
    .ready = is_ready, .message = has_message, .gone = is_gone};

static void nothing(void *context)
{
    (void)context;
}

/* What is there to do, without waiting for more. */
static void run(const struct story *story)
{
    for (int i = 0; i < 5; i++) {
        loop_timer(story->loop, 0, nothing, NULL);
        (void)loop_step(story->loop);
    }
}

static void begin(struct story *story, const char *protocol)
{
    struct fail why;

    *story = (struct story){.loop = loop_new(&clock_system), .server = -1};
    snprintf(story->path, sizeof(story->path), "/tmp/test-channel-%d", (int)getpid());
    story->listener = listen_unix(story->path, 5, 0600, &why);
    assert_true(story->listener >= 0);
    story->channel =
        channel_open(story->loop, story->path, protocol, &owner, story, &why);
    assert_non_null(story->channel);
    story->server = accept(story->listener, NULL, NULL);
    assert_true(story->server >= 0);
}

static void end(struct story *story)
{
    channel_close(story->channel);
    close(story->listener);
    close(story->server);
    unlink(story->path);
    loop_free(story->loop);
}

static void say(const struct story *story, const char *bytes, size_t n)
{
    assert_int_equal(send(story->server, bytes, n, 0), n);
}
#define SAY(story, bytes) say(story, bytes, sizeof(bytes) - 1)

#define GREETING          "protocol\0bounce_protocol\0"
#define ANSWER            "status\0000\0reason\0fine\0"

static void bytes_become_messages(void **state)
{
    struct story story;

    (void)state;
    begin(&story, "bounce");
    run(&story);
    assert_int_equal(story.ready, 0);
    SAY(&story, GREETING "\0" ANSWER);
    run(&story);
    assert_int_equal(story.ready, 1);
    assert_int_equal(story.messages, 0); /* its end is missing */
    SAY(&story, "\0" ANSWER "\0");
    run(&story);
    assert_int_equal(story.messages, 2);
    assert_string_equal(story.last, "fine");
    assert_int_equal(story.gone, 0);
    end(&story);
}

static void a_wrong_service_is_noticed(void **state)
{
    struct story story;

    (void)state;
    begin(&story, "cleanup");
    SAY(&story, GREETING "\0");
    run(&story);
    assert_int_equal(story.gone, 1);
    assert_string_equal(
        story.reason, "the server speaks \"bounce_protocol\", not \"cleanup_protocol\"");
    end(&story);
}

static void any_service_will_do(void **state)
{
    struct story story;

    (void)state;
    begin(&story, NULL);
    SAY(&story, GREETING "\0");
    run(&story);
    assert_int_equal(story.ready, 1);
    end(&story);
}

static void an_owner_may_close_it_in_the_middle(void **state)
{
    struct story story;

    (void)state;
    begin(&story, "bounce");
    story.close_at_message = true;
    SAY(&story, GREETING "\0" ANSWER "\0" ANSWER "\0");
    run(&story);
    assert_int_equal(story.messages, 1);
    assert_int_equal(story.gone, 0);
    end(&story);
}

static void a_descriptor_is_given_back_with_what_follows_the_answer(void **state)
{
    struct story story;
    struct buf rest;
    char byte;

    (void)state;
    begin(&story, "bounce");
    buf_init(&rest, 100);
    story.detach_into = &rest;
    SAY(&story, GREETING "\0" ANSWER "\0"
                         "plain");
    run(&story);
    assert_int_equal(story.messages, 1);
    assert_string_equal(buf_text(&rest), "plain");
    SAY(&story, "x");
    assert_int_equal(recv(story.detached, &byte, 1, 0), 1);
    assert_int_equal(story.gone, 0);
    close(story.detached);
    buf_done(&rest);
    end(&story);
}

static void nonsense_ends_it(void **state)
{
    struct story story;
    static char nonsense[200];

    (void)state;
    begin(&story, "bounce");
    memset(nonsense, 'x', sizeof(nonsense));
    say(&story, nonsense, sizeof(nonsense));
    run(&story);
    assert_int_equal(story.gone, 1);
    assert_string_equal(story.reason, "malformed message");
    end(&story);
}

static void the_end_of_a_server_that_read_all_is_told(void **state)
{
    struct story story;
    char bytes[100];

    (void)state;
    begin(&story, "bounce");
    SAY(&story, GREETING "\0");
    run(&story);
    buf_add_text(channel_output(story.channel), "hello");
    channel_send(story.channel, -1);
    assert_int_equal(read(story.server, bytes, sizeof(bytes)), 5);
    close(story.server);
    run(&story);
    assert_int_equal(story.gone, 1);
    assert_false(story.unread);
    end(&story);
}

static void what_a_server_left_unread_is_told(void **state)
{
    struct story story;

    (void)state;
    begin(&story, "bounce");
    buf_add_text(channel_output(story.channel), "hello");
    channel_send(story.channel, -1);
    close(story.server); /* with our bytes in it */
    run(&story);
    assert_int_equal(story.gone, 1);
    assert_true(story.unread);
    end(&story);
    begin(&story, "bounce");
    close(story.server);
    buf_add_text(channel_output(story.channel), "hello");
    channel_send(story.channel, -1); /* EPIPE */
    assert_int_equal(story.gone, 0); /* never told from inside a call */
    run(&story);
    assert_int_equal(story.gone, 1);
    assert_true(story.unread);
    end(&story);
}

static void a_descriptor_travels_even_when_the_socket_is_full(void **state)
{
    static char big[4 << 20], bytes[1 << 20];
    struct story story;
    struct stream *s;
    size_t got = 0;
    int fd, passenger;

    (void)state;
    begin(&story, "bounce");
    buf_add(channel_output(story.channel), big, sizeof(big));
    channel_send(story.channel, -1);
    fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    buf_add(channel_output(story.channel), "end", 3);
    channel_send(story.channel, fd);
    close(fd);
    s = stream_new(fcntl(story.server, F_DUPFD_CLOEXEC, 0), sizeof(bytes));
    stream_accept_fds(s);
    while (got < sizeof(big) + 3) {
        struct str some;

        run(&story);
        assert_int_equal(stream_peek(s, &some), STREAM_OK);
        got += some.n;
        stream_skip(s, some.n);
    }
    assert_int_equal(got, sizeof(big) + 3);
    passenger = stream_take_fd(s);
    assert_true(passenger >= 0);
    close(passenger);
    assert_int_equal(stream_take_fd(s), -1);
    stream_free(s);
    assert_int_equal(story.gone, 0);
    end(&story);
}

static void a_missing_socket_is_told_at_once(void **state)
{
    struct story story = {.loop = loop_new(&clock_system)};
    struct fail why;

    (void)state;
    assert_null(
        channel_open(story.loop, "/tmp/test-channel-none", "x", &owner, &story, &why));
    assert_int_equal(why.code, ENOENT);
    assert_string_equal(why.text, "No such file or directory");
    loop_free(story.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_become_messages),
        cmocka_unit_test(a_wrong_service_is_noticed),
        cmocka_unit_test(any_service_will_do),
        cmocka_unit_test(an_owner_may_close_it_in_the_middle),
        cmocka_unit_test(a_descriptor_is_given_back_with_what_follows_the_answer),
        cmocka_unit_test(nonsense_ends_it),
        cmocka_unit_test(the_end_of_a_server_that_read_all_is_told),
        cmocka_unit_test(what_a_server_left_unread_is_told),
        cmocka_unit_test(a_descriptor_travels_even_when_the_socket_is_full),
        cmocka_unit_test(a_missing_socket_is_told_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
