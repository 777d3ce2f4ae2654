#include "unit.h"

#include "util/child.h"

#include "util/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const env[] = {"PATH=/usr/bin:/bin", "WHO=me", NULL};

static int set_up(void **state)
{
    *state = arena_new("test");
    return 0;
}

static int tear_down(void **state)
{
    arena_free(*state);
    return 0;
}

static struct child_options options_for(const char *command)
{
    return (struct child_options){
        .command = command,
        .env = env,
        .uid = 1234,
        .gid = 1235,
        .output_max = 1000,
        .timeout_ms = 20000,
    };
}

static const struct {
    const char *command, *output;
    int status;
} rows[] = {
    {"/bin/echo two  words", "two words\n", 0},
    {"echo $WHO; exit 3", "me\n", 3},
    {"exit 75", "", 75},
    {"echo to stderr >&2", "to stderr\n", 0},
    {"/bin/echo '$WHO'", "$WHO\n", 0},
    {"ls /proc/self/fd | tr '\\n' ' '", "0 1 2 3 ", 0}, /* 3 is the directory ls reads */
    {"/bin/false", "", 1},
};

static void runs_commands(void **state)
{
    struct child_result result;
    struct fail why;

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct child_options options = options_for(rows[i].command);

        ROW_INT(rows[i].command, child_run(&options, NULL, NULL, *state, &result, &why),
                0);
        ROW_INT(rows[i].command, WIFEXITED(result.status), 1);
        ROW_INT(rows[i].command, WEXITSTATUS(result.status), rows[i].status);
        ROW_EQ(rows[i].command, result.output, rows[i].output);
        ROW_INT(rows[i].command, result.timed_out, false);
    }
}

static void becomes_the_user(void **state)
{
    struct child_options options = options_for("id -u; id -G; pwd");
    struct child_result result;
    struct fail why;

    if (geteuid() != 0) {
        print_message("skipped: only root can become a user\n");
        skip();
    }
    options.directory = "/tmp";
    assert_int_equal(child_run(&options, NULL, NULL, *state, &result, &why), 0);
    ROW_EQ("ids", result.output, "1234\n1235\n/tmp\n");
    options.uid = 0;
    assert_int_equal(child_run(&options, NULL, NULL, *state, &result, &why), -1);
    assert_non_null(strstr(why.text, "refusing to run as user id 0"));
}

static void uses_argv_and_shell(void **state)
{
    static const char *const argv[] = {"printf", "%s|", "a b", "$WHO", NULL};
    struct child_options options = options_for(NULL);
    struct child_result result;
    struct fail why;

    options.argv = argv;
    assert_int_equal(child_run(&options, NULL, NULL, *state, &result, &why), 0);
    ROW_EQ("argv", result.output, "a b|$WHO|");
    options = options_for("/bin/true");
    options.shell = "/bin/echo restricted -c";
    assert_int_equal(child_run(&options, NULL, NULL, *state, &result, &why), 0);
    ROW_EQ("shell", result.output, "restricted -c /bin/true\n");
}

static void tells_why_it_could_not_start(void **state)
{
    struct child_options options = options_for("/nonexistent/command");
    struct child_result result;
    struct fail why;

    assert_int_equal(child_run(&options, NULL, NULL, *state, &result, &why), -1);
    assert_string_equal(why.text,
                        "execute /nonexistent/command: No such file or directory");
    assert_int_equal(why.code, ENOENT);
    options = options_for("true");
    options.directory = "/nonexistent";
    assert_int_equal(child_run(&options, NULL, NULL, *state, &result, &why), -1);
    assert_non_null(strstr(why.text, "change directory to /nonexistent"));
}

static int feed_much(void *context, struct stream *to)
{
    (void)context;
    for (int i = 0; i < 50000; i++)
        stream_printf(to, "line %d\n", i);
    return stream_flush(to) == STREAM_OK ? 0 : -1;
}

static void feeds_while_it_collects(void **state)
{
    struct child_options options = options_for("sed p"); /* twice as much out as in */
    struct child_result result;
    struct fail why;

    assert_int_equal(child_run(&options, feed_much, NULL, *state, &result, &why), 0);
    assert_int_equal(result.status, 0);
    assert_int_equal(result.output.n, 1000);
    assert_memory_equal(result.output.p, "line 0\nline 0\n", 14);
    options = options_for("wc -l");
    assert_int_equal(child_run(&options, feed_much, NULL, *state, &result, &why), 0);
    ROW_EQ("wc", result.output, "50000\n");
}

static void a_command_need_not_read_its_input(void **state)
{
    struct child_options options = options_for("exec <&-; echo done");
    struct child_result result;
    struct fail why;

    assert_int_equal(child_run(&options, feed_much, NULL, *state, &result, &why), 0);
    assert_int_equal(result.status, 0);
    ROW_EQ("output", result.output, "done\n");
}

static int give_up(void *context, struct stream *to)
{
    (void)context;
    stream_write_text(to, "half");
    return -1;
}

static void kills_when_the_input_fails(void **state)
{
    struct child_options options = options_for("cat; sleep 100");
    struct child_result result;
    struct fail why;

    assert_int_equal(child_run(&options, give_up, NULL, *state, &result, &why), -1);
    assert_int_equal(WTERMSIG(result.status), SIGKILL);
}

static void kills_the_group_when_time_is_over(void **state)
{
    struct child_options options = options_for("echo start; sleep 1000 | sleep 1000");
    struct child_result result;
    struct fail why;

    options.timeout_ms = 200;
    assert_int_equal(child_run(&options, NULL, NULL, *state, &result, &why), 0);
    assert_true(result.timed_out);
    assert_true(WIFSIGNALED(result.status));
    ROW_EQ("output", result.output, "start\n");
    /* a command that does not read cannot hold us by its full pipe */
    options = options_for("sleep 1000");
    options.timeout_ms = 200;
    assert_int_equal(child_run(&options, feed_much, NULL, *state, &result, &why), 0);
    assert_true(result.timed_out);
}

/* A process may join another group of its session, that of its parent for one. */
static void kills_a_command_that_left_its_group(void **state)
{
    struct child_options options =
        options_for("exec perl -e '$| = 1; setpgrp(0, getpgrp(getppid())) or die; "
                    "print \"away\\n\"; sleep 20'");
    struct child_result result;
    struct fail why;

    options.timeout_ms = 1000;
    assert_int_equal(child_run(&options, NULL, NULL, *state, &result, &why), 0);
    ROW_EQ("output", result.output, "away\n");
    assert_true(result.timed_out);
    assert_true(WIFSIGNALED(result.status));
}

static void does_not_wait_for_what_a_command_leaves_behind(void **state)
{
    struct child_options options = options_for("sleep 1000 & echo $!");
    struct child_result result;
    struct fail why;

    assert_int_equal(child_run(&options, NULL, NULL, *state, &result, &why), 0);
    assert_false(result.timed_out);
    assert_int_equal(result.status, 0);
    assert_int_equal(kill(atoi(result.output.p), SIGKILL), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* Run command with one end of a socket pair; what it answers to "hello" is *ret. */
static int serve(const char *command, int64_t timeout_ms, struct arena *arena,
                 struct child_result *result, char *ret, size_t size)
{
    struct child_options options = options_for(command);
    struct fail why;
    ssize_t n;
    int pair[2], status;

    options.timeout_ms = timeout_ms;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(write(pair[0], "hello\n", 6), 6);
    status = child_serve(&options, pair[1], arena, result, &why);
    close(pair[1]);
    n = read(pair[0], ret, size - 1);
    ret[n > 0 ? n : 0] = '\0';
    close(pair[0]);
    return status;
}

static void a_command_serves_its_client(void **state)
{
    struct child_result result;
    char said[100];

    assert_int_equal(serve("read x; echo $x $WHO >&2; exit 3", 20000, *state, &result,
                           said, sizeof(said)),
                     0);
    assert_string_equal(said, "hello me\n");
    assert_int_equal(WEXITSTATUS(result.status), 3);
    assert_false(result.timed_out);
    assert_int_equal(serve("exec sleep 60", 200, *state, &result, said, sizeof(said)), 0);
    assert_true(result.timed_out);
    assert_int_equal(WTERMSIG(result.status), SIGKILL);
    assert_int_equal(serve("/nonexistent/x", 20000, *state, &result, said, sizeof(said)),
                     -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_commands),
        TEST(becomes_the_user),
        TEST(uses_argv_and_shell),
        TEST(tells_why_it_could_not_start),
        TEST(feeds_while_it_collects),
        TEST(a_command_need_not_read_its_input),
        TEST(kills_when_the_input_fails),
        TEST(kills_the_group_when_time_is_over),
        TEST(kills_a_command_that_left_its_group),
        TEST(does_not_wait_for_what_a_command_leaves_behind),
        TEST(a_command_serves_its_client),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
