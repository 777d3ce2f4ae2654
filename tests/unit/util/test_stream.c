#include "unit.h"

#include "util/clock.h"
#include "util/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A stream and the other end of its socket. */
static struct stream *connected(int *ret_peer)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    *ret_peer = fds[1];
    return stream_new(fds[0], 64);
}

/* Input that comes a few bytes at a time. */
struct drip {
    struct str left;
    size_t most;
};

static ssize_t drip_read(void *state, void *p, size_t n)
{
    struct drip *drip = state;
    struct str piece = str_head(drip->left, drip->most < n ? drip->most : n);

    memcpy(p, piece.p, piece.n);
    drip->left = str_tail(drip->left, piece.n);
    return (ssize_t)piece.n;
}

static ssize_t drip_write(void *state, const void *p, size_t n)
{
    (void)state, (void)p;
    return (ssize_t)n;
}

static const struct stream_ops dripping = {.read = drip_read, .write = drip_write};

static const struct {
    const char *input;
    size_t max;
    const char *shown; /* "line|" CRLF, "line!" bare LF, "line+" too long */
} lines[] = {
    {"", 10, ""},
    {"a\r\n", 10, "a|"},
    {"a\nb\r\n\r\n\n", 10, "a!b||!"},
    {"12345\r\n", 5, "12345|"},
    {"12345\n", 5, "12345!"},
    {"123456\r\n", 5, "12345+6|"},
    {"12345\r6\r\n", 5, "12345+\r6|"},
    {"123456\n", 5, "12345+6!"},
    {"1234567890\r\nx\r\n", 5, "12345+67890|x|"},
    {"1234567890abc\r\nx\r\n", 5, "12345+67890+abc|x|"},
    {"a\r\r\n", 5, "a\r|"},
    {"a\r\nunfinished", 20, "a|"},
    {"\r\r\n", 1, "\r|"},
};

static void show_lines(struct stream *s, size_t max, char *shown)
{
    enum stream_result result;
    struct str line;
    bool bare = false;

    while ((result = stream_read_line(s, max, &line, &bare)) == STREAM_OK ||
           result == STREAM_TOO_LONG)
        shown += sprintf(shown, "%.*s%c", STR_ARG(line),
                         result == STREAM_TOO_LONG ? '+'
                         : bare                    ? '!'
                                                   : '|');
    *shown = '\0';
    assert_int_equal(result, STREAM_EOF);
}

static void reads_the_same_lines_in_any_segments(void **state)
{
    char shown[200];

    (void)state;
    for (size_t i = 0; i < ROWS(lines); i++) {
        for (size_t most = 1; most < 20; most++) {
            for (size_t size = 1; size < 20; size++) {
                struct drip drip = {str_of(lines[i].input), most};
                struct stream *s = stream_new(-1, size);

                stream_set_ops(s, &dripping, &drip);
                show_lines(s, lines[i].max, shown);
                ROW_TEXT(lines[i].input, shown, lines[i].shown);
                stream_free(s);
            }
        }
    }
}

static void reads_long_lines_from_a_small_buffer(void **state)
{
    enum { LENGTH = 1000000 };
    char *text = malloc(LENGTH + 2);
    struct drip drip = {{text, LENGTH + 2}, 7};
    struct stream *s = stream_new(-1, 16);
    struct str line;

    (void)state;
    memset(text, 'x', LENGTH);
    memcpy(text + LENGTH, "\r\n", 2);
    stream_set_ops(s, &dripping, &drip);
    assert_int_equal(stream_read_line(s, LENGTH, &line, NULL), STREAM_OK);
    assert_int_equal(line.n, LENGTH);
    assert_memory_equal(line.p, text, LENGTH);
    assert_int_equal(stream_read_line(s, LENGTH, &line, NULL), STREAM_EOF);
    stream_free(s);
    free(text);
}

static void reads_blocks_and_peeks(void **state)
{
    struct drip drip = {STR("GET x and more"), 3};
    struct stream *s = stream_new(-1, 4);
    struct str seen;
    char p[20] = "";

    (void)state;
    stream_set_ops(s, &dripping, &drip);
    assert_int_equal(stream_buffered(s).n, 0);
    assert_int_equal(stream_peek(s, &seen), STREAM_OK);
    ROW_EQ("peek", seen, "GET");
    stream_skip(s, 1);
    assert_int_equal(stream_read(s, p, 8), STREAM_OK);
    assert_string_equal(p, "ET x and");
    assert_int_equal(stream_read(s, p, 100), STREAM_EOF);
    assert_int_equal(stream_peek(s, &seen), STREAM_EOF);
    stream_free(s);
}

static void keeps_output_until_it_is_flushed(void **state)
{
    int peer;
    struct stream *s = connected(&peer);
    char p[300];

    (void)state;
    stream_write_text(s, "250 ");
    stream_printf(s, "%s %d", "2.1.0", 5);
    stream_write_str(s, STR("\r\n"));
    assert_int_equal(stream_pending(s), 13);
    assert_int_equal(recv(peer, p, sizeof(p), MSG_DONTWAIT), -1);
    assert_int_equal(stream_flush(s), STREAM_OK);
    assert_int_equal(recv(peer, p, sizeof(p), MSG_DONTWAIT), 13);
    assert_memory_equal(p, "250 2.1.0 5\r\n", 13);
    assert_int_equal(stream_pending(s), 0);
    /* 64 bytes of buffer: what does not fit goes out at once, in order */
    stream_write_text(s, "head");
    stream_printf(s, "%0200d", 7);
    assert_int_equal(stream_pending(s), 0);
    assert_int_equal(recv(peer, p, sizeof(p), MSG_DONTWAIT), 204);
    assert_memory_equal(p, "head000", 7);
    assert_int_equal(p[203], '7');
    stream_free(s);
    close(peer);
}

static void ends_a_wait_in_time(void **state)
{
    int peer;
    struct stream *s = connected(&peer);
    struct str line;
    int64_t start = clock_ms(&clock_system);

    (void)state;
    stream_set_timeout(s, 30);
    assert_int_equal(stream_read_line(s, 10, &line, NULL), STREAM_TIMEOUT);
    assert_int_equal(stream_read_line(s, 10, &line, NULL), STREAM_TIMEOUT);
    assert_true(clock_ms(&clock_system) - start >= 25);
    /* the other direction still works */
    stream_write_text(s, "421 timeout\r\n");
    assert_int_equal(stream_flush(s), STREAM_OK);
    stream_free(s);
    close(peer);
}

static void ends_all_waits_at_the_deadline(void **state)
{
    int peer;
    struct stream *s = connected(&peer);
    struct str line;

    (void)state;
    stream_set_timeout(s, 60000);
    assert_int_equal(write(peer, "a\n", 2), 2);
    stream_set_deadline(s, clock_ms(&clock_system) + 30);
    assert_int_equal(stream_read_line(s, 10, &line, NULL), STREAM_OK);
    assert_int_equal(stream_read_line(s, 10, &line, NULL), STREAM_TIMEOUT);
    stream_write_text(s, "x");
    assert_int_equal(stream_flush(s), STREAM_TIMEOUT);
    stream_free(s);
    close(peer);
}

static void output_that_need_not_wait_needs_no_limit(void **state)
{
    int fds[2];
    struct stream *s;
    struct timeval limit = {0};
    socklen_t length = sizeof limit;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    s = stream_new(fds[0], 0);
    stream_set_timeout(s, 30);
    stream_write_text(s, "250 ok\r\n");
    assert_int_equal(stream_flush(s), STREAM_OK);
    assert_int_equal(getsockopt(fds[0], SOL_SOCKET, SO_SNDTIMEO, &limit, &length), 0);
    assert_int_equal(limit.tv_usec, 0);
    stream_set_timeout(s, 0); /* no time is no time, even so */
    stream_write_text(s, "250 ok\r\n");
    assert_int_equal(stream_flush(s), STREAM_TIMEOUT);
    stream_free(s);
    close(fds[1]);
}

static void gives_up_writing_in_time(void **state)
{
    int peer;
    struct stream *s = connected(&peer);
    static char p[1 << 20];

    (void)state;
    stream_set_timeout(s, 30);
    stream_write(s, p, sizeof(p));
    stream_write(s, p, sizeof(p));
    assert_int_equal(stream_flush(s), STREAM_TIMEOUT);
    stream_free(s);
    close(peer);
}

static void tells_that_the_peer_went_away(void **state)
{
    int peer;
    struct stream *s = connected(&peer);
    struct str line;

    (void)state;
    close(peer);
    stream_write_text(s, "x");
    assert_int_equal(stream_flush(s), STREAM_RESET);
    assert_int_equal(stream_errno(s), EPIPE);
    assert_int_equal(stream_read_line(s, 10, &line, NULL), STREAM_EOF);
    assert_string_equal(stream_result_text(STREAM_RESET), "lost connection");
    stream_free(s);
}

static void works_on_pipes(void **state)
{
    int fds[2];
    struct stream *in, *out;
    struct str line;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    in = stream_new(fds[0], 0);
    out = stream_new(fds[1], 0);
    stream_write_text(out, "one\n");
    assert_int_equal(stream_flush(out), STREAM_OK);
    assert_int_equal(stream_read_line(in, 10, &line, NULL), STREAM_OK);
    ROW_EQ("no limit", line, "one");
    stream_set_timeout(in, 30);
    stream_set_timeout(out, 30);
    stream_write_text(out, "two\n");
    assert_int_equal(stream_flush(out), STREAM_OK);
    assert_int_equal(stream_read_line(in, 10, &line, NULL), STREAM_OK);
    ROW_EQ("with limit", line, "two");
    assert_int_equal(stream_read_line(in, 10, &line, NULL), STREAM_TIMEOUT);
    stream_free(in);
    stream_free(out);
}

static void passes_descriptors(void **state)
{
    int peer, fds[2], got;
    struct stream *s = connected(&peer), *other;
    struct str line;
    char c;

    (void)state;
    other = stream_new(peer, 0);
    stream_accept_fds(other);
    assert_int_equal(stream_take_fd(other), -1);
    assert_int_equal(pipe(fds), 0);
    stream_write_text(s, "take this\n");
    assert_int_equal(stream_flush_with_fd(s, fds[0]), STREAM_OK);
    close(fds[0]);
    assert_int_equal(stream_read_line(other, 20, &line, NULL), STREAM_OK);
    ROW_EQ("text", line, "take this");
    got = stream_take_fd(other);
    assert_true(got >= 0);
    assert_int_equal(fcntl(got, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(stream_take_fd(other), -1);
    assert_int_equal(write(fds[1], "z", 1), 1);
    assert_int_equal(read(got, &c, 1), 1);
    assert_int_equal(c, 'z');
    close(got);
    close(fds[1]);
    stream_free(s);
    stream_free(other);
}

static void forgets_input_when_the_transport_changes(void **state)
{
    struct stream *s = stream_memory(STR("STARTTLS\r\nMAIL FROM:<injected>\r\n"));
    struct drip drip = {STR("EHLO x\r\n"), 100};
    struct str line;

    (void)state;
    assert_int_equal(stream_read_line(s, 100, &line, NULL), STREAM_OK);
    stream_set_ops(s, &dripping, &drip);
    assert_int_equal(stream_read_line(s, 100, &line, NULL), STREAM_OK);
    ROW_EQ("after", line, "EHLO x");
    stream_free(s);
}

/* A peer that takes what we say, thinks, and answers. */
static void answer_slowly(int peer)
{
    char byte;

    usleep(50000);
    if (read(peer, &byte, 1) == 1) {
        usleep(50000);
        _exit(write(peer, "\n", 1) == 1 ? 0 : 1);
    }
    _exit(1);
}

static void is_woken_by_the_answer_only(void **state)
{
    int peer;
    struct stream *s = connected(&peer);
    struct rusage before, after;
    struct str line;
    pid_t child = fork();

    (void)state;
    if (child == 0)
        answer_slowly(peer);
    stream_poll_first(s);
    stream_set_timeout(s, 10000);
    stream_write_text(s, "?");
    getrusage(RUSAGE_SELF, &before);
    assert_int_equal(stream_flush(s), STREAM_OK);
    assert_int_equal(stream_read_line(s, 10, &line, NULL), STREAM_OK);
    getrusage(RUSAGE_SELF, &after);
    assert_int_equal(after.ru_nvcsw - before.ru_nvcsw, 1);
    assert_int_equal(waitpid(child, NULL, 0), child);
    stream_free(s);
    close(peer);
}

static void keeps_its_limits_when_it_polls(void **state)
{
    int peer;
    struct stream *s = connected(&peer);
    struct str line;

    (void)state;
    stream_poll_first(s);
    stream_set_timeout(s, 30);
    assert_int_equal(stream_read_line(s, 10, &line, NULL), STREAM_TIMEOUT);
    stream_free(s);
    close(peer);
}

static void lives_in_memory_for_tests(void **state)
{
    struct stream *s = stream_memory(STR("in\n"));
    struct str line;

    (void)state;
    assert_int_equal(stream_fd(s), -1);
    assert_int_equal(stream_read_line(s, 10, &line, NULL), STREAM_OK);
    ROW_EQ("in", line, "in");
    assert_int_equal(stream_read_line(s, 10, &line, NULL), STREAM_EOF);
    stream_write_text(s, "out");
    assert_int_equal(stream_flush(s), STREAM_OK);
    ROW_EQ("out", stream_memory_output(s), "out");
    stream_free(s);
    stream_free(NULL);
}

static void forgets_secrets_when_told_to(void **state)
{
    struct stream *s = stream_memory(STR("secret\r\nnext\r\n"));
    struct str line, next;

    (void)state;
    assert_int_equal(stream_read_line(s, 100, &line, NULL), STREAM_OK);
    assert_true(str_is(line, "secret"));
    stream_wipe(s);
    for (size_t i = 0; i < line.n; i++)
        assert_int_equal(line.p[i], 0);
    assert_int_equal(stream_read_line(s, 100, &next, NULL), STREAM_OK);
    assert_true(str_is(next, "next"));
    stream_write_text(s, "kept");
    stream_wipe(s);
    assert_int_equal(stream_flush(s), STREAM_OK);
    assert_true(str_is(stream_memory_output(s), "kept"));
    stream_free(s);
}

static void gives_its_descriptor_back(void **state)
{
    int peer, fd;
    struct stream *s = connected(&peer);

    (void)state;
    fd = stream_fd(s);
    assert_int_equal(stream_detach(s), fd);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    close(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_same_lines_in_any_segments),
        cmocka_unit_test(reads_long_lines_from_a_small_buffer),
        cmocka_unit_test(reads_blocks_and_peeks),
        cmocka_unit_test(keeps_output_until_it_is_flushed),
        cmocka_unit_test(ends_a_wait_in_time),
        cmocka_unit_test(ends_all_waits_at_the_deadline),
        cmocka_unit_test(output_that_need_not_wait_needs_no_limit),
        cmocka_unit_test(gives_up_writing_in_time),
        cmocka_unit_test(tells_that_the_peer_went_away),
        cmocka_unit_test(works_on_pipes),
        cmocka_unit_test(passes_descriptors),
        cmocka_unit_test(forgets_input_when_the_transport_changes),
        cmocka_unit_test(is_woken_by_the_answer_only),
        cmocka_unit_test(keeps_its_limits_when_it_polls),
        cmocka_unit_test(lives_in_memory_for_tests),
        cmocka_unit_test(forgets_secrets_when_told_to),
        cmocka_unit_test(gives_its_descriptor_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
