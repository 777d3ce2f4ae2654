/*
 * Commands run for mail. The parent never blocks on one side of the command
 * while the other is waiting: one poll loop feeds the input, collects the
 * output, and watches for the end of the process and of the time.
 *
 * What fails between fork and exec is told through a pipe that closes on exec.
 */
#include "util/child.h"

#include "util/clock.h"
#include "util/ids.h"
#include "util/list.h"
#include "util/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ERROR_FD = 3 }; /* in the child */

struct child {
    pid_t pid;
    int input, output, ended; /* descriptors of ours; -1 = closed */
    int64_t deadline_ms;
    size_t output_max;
    struct buf collected;
};

/* --- in the child ---------------------------------------------------------- */

static NO_RETURN void give_up(const struct fail *why)
{
    ssize_t ignored = write(ERROR_FD, why, sizeof(*why));

    (void)ignored;
    _exit(127);
}

static void enter(const struct child_options *options, struct fail *why)
{
    if (options->root && (chroot(options->root) < 0 || chdir("/") < 0)) {
        fail_set(why, "change root to %s: %m", options->root);
        give_up(why);
    }
    if ((getuid() == 0 || geteuid() == 0) &&
        ids_drop(options->user, options->uid, options->gid, why) < 0)
        give_up(why);
    if (options->directory && chdir(options->directory) < 0) {
        fail_set(why, "change directory to %s: %m", options->directory);
        give_up(why);
    }
}

/* Descriptors 0, 1, 2 and the error pipe, whatever numbers they had. */
static void arrange_descriptors(int input, int output, int error)
{
    input = fcntl(input, F_DUPFD, 10);
    output = fcntl(output, F_DUPFD, 10);
    error = fcntl(error, F_DUPFD, 10);
    dup2(error, ERROR_FD);
    fcntl(ERROR_FD, F_SETFD, FD_CLOEXEC);
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    platform_close_from(ERROR_FD + 1);
}

static NO_RETURN void run(const struct child_options *options, const char *const *argv)
{
    struct fail why = {0};

    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL);
    platform_unblock_signals();
    enter(options, &why);
    environ = (char **)options->env; /* execvp takes PATH from here */
    execvp(argv[0], (char *const *)argv);
    fail_set(&why, "execute %s: %m", argv[0]);
    give_up(&why);
}

/* --- what to run -------------------------------------------------------------- */

/* An absolute path and arguments that no shell would look at twice. */
static bool is_plain(const char *command)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789 \t%+,-./:=@_";

    return command[0] == '/' && command[strspn(command, plain)] == '\0';
}

static const char *const *words_to_run(const struct child_options *options,
                                       struct arena *arena)
{
    struct texts words = {0};

    if (options->argv)
        return options->argv;
    if (options->shell && options->shell[0] != '\0') {
        texts_split(&words, arena, str_of(options->shell), " \t\r\n");
        texts_add(&words, arena, options->command);
    } else if (is_plain(options->command)) {
        texts_split(&words, arena, str_of(options->command), " \t");
    } else {
        texts_add(&words, arena, "/bin/sh");
        texts_add(&words, arena, "-c");
        texts_add(&words, arena, options->command);
    }
    return words.items;
}

/* --- in the parent ------------------------------------------------------------- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Take what the command wrote; false at its end. */
static bool collect(struct child *child)
{
    char piece[4096];
    ssize_t n = read(child->output, piece, sizeof(piece));

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    if (child->collected.n < child->output_max) {
        size_t room = child->output_max - child->collected.n;

        buf_add(&child->collected, piece, (size_t)n < room ? (size_t)n : room);
    }
    return true;
}

/*
 * Wait until the input can be written (when want_input) or something of the
 * output was collected or the process ended. 0, or -1 with EAGAIN when the
 * time is over. *ret_events is what holds for the input.
 */
static int wait_for(struct child *child, bool want_input, short *ret_events,
                    bool *ret_ended)
{
    struct pollfd fds[] = {
        {.fd = want_input ? child->input : -1, .events = POLLOUT},
        {.fd = child->output, .events = POLLIN},
        {.fd = want_input ? -1 : child->ended, .events = POLLIN},
    };
    int64_t left = child->deadline_ms - clock_ms(&clock_system);
    int n = left <= 0 ? 0 : poll(fds, COUNT(fds), left > INT_MAX ? INT_MAX : (int)left);

    if (n == 0) {
        errno = EAGAIN;
        return -1;
    }
    if (n < 0 && errno != EINTR)
        return -1;
    if (n > 0 && fds[1].revents && !collect(child))
        close_fd(&child->output);
    *ret_events = n > 0 ? fds[0].revents : 0;
    *ret_ended = n > 0 && fds[2].revents != 0;
    return 0;
}

static ssize_t write_input(void *state, const void *p, size_t n)
{
    struct child *child = state;

    for (;;) {
        short events = 0;
        bool ended;
        ssize_t done;

        if (child->input < 0)
            return (ssize_t)n; /* it reads no more; that is its right */
        if (wait_for(child, true, &events, &ended) < 0)
            return -1;
        if (events == 0)
            continue;
        done = write(child->input, p, n);
        if (done >= 0)
            return done;
        if (errno == EPIPE)
            close_fd(&child->input);
        else if (errno != EAGAIN && errno != EINTR)
            return -1;
    }
}

/* EPIPE must come as an error, also to commands that left SIGPIPE alone. */
static int feed_input(struct child *child, int (*feed)(void *context, struct stream *to),
                      void *context, bool *ret_timed_out)
{
    static const struct stream_ops ops = {.write = write_input};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    struct stream *to = stream_new(-1, 0);
    enum stream_result result;
    int status;

    sigaction(SIGPIPE, &ignore, &before);
    stream_set_ops(to, &ops, child);
    status = feed(context, to);
    result = stream_flush(to);
    *ret_timed_out = result == STREAM_TIMEOUT;
    stream_free(to);
    sigaction(SIGPIPE, &before, NULL);
    return status;
}

/* Collect until the process has ended, and then what is in the pipe still. */
static bool wait_in_time(struct child *child)
{
    bool ended = false;
    short events;

    while (!ended && (child->output >= 0 || child->ended >= 0))
        if (wait_for(child, false, &events, &ended) < 0)
            return false;
    for (int i = 0; i < 100 && child->output >= 0; i++) {
        struct pollfd p = {.fd = child->output, .events = POLLIN};

        if (poll(&p, 1, 0) <= 0)
            break;
        if (!collect(child))
            close_fd(&child->output);
    }
    return true;
}

static int reap(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static int make_pipes(int input[2], int output[2], int error[2], struct fail *why)
{
    int *pipes[] = {input, output, error};

    for (size_t i = 0; i < COUNT(pipes); i++) {
        if (pipe2(pipes[i], O_CLOEXEC) == 0)
            continue;
        fail_set(why, "make a pipe: %m");
        while (i-- > 0) {
            close(pipes[i][0]);
            close(pipes[i][1]);
        }
        return -1;
    }
    return 0;
}

/* Fork, and wait until the command is running or has told why not. */
static int start(const struct child_options *options, const char *const *argv,
                 struct child *child, struct fail *why)
{
    int input[2], output[2], error[2];
    struct fail told;
    ssize_t n;

    if (make_pipes(input, output, error, why) < 0)
        return -1;
    child->pid = fork();
    if (child->pid == 0) {
        arrange_descriptors(input[0], output[1], error[1]);
        run(options, argv);
    }
    if (child->pid > 0)
        setpgid(child->pid, child->pid); /* whichever of us comes first */
    else
        fail_set(why, "fork: %m");
    close(input[0]);
    close(output[1]);
    close(error[1]);
    child->input = input[1];
    child->output = output[0];
    n = 0;
    if (child->pid > 0)
        while ((n = read(error[0], &told, sizeof(told))) < 0 && errno == EINTR)
            ;
    close(error[0]);
    if (child->pid > 0 && n != (ssize_t)sizeof(told)) {
        child->ended = platform_process_fd(child->pid);
        fcntl(child->input, F_SETFL, O_NONBLOCK);
        fcntl(child->output, F_SETFL, O_NONBLOCK);
        return 0;
    }
    if (child->pid > 0) {
        reap(child->pid);
        if (why != NULL)
            *why = told;
    }
    close_fd(&child->input);
    close_fd(&child->output);
    return -1;
}

int child_run(const struct child_options *options,
              int (*feed)(void *context, struct stream *to), void *context,
              struct arena *arena, struct child_result *ret, struct fail *why)
{
    struct child child = {
        .input = -1,
        .output = -1,
        .ended = -1,
        .deadline_ms = clock_ms(&clock_system) + options->timeout_ms,
        .output_max = options->output_max,
    };
    bool timed_out = false;
    int status = 0;

    if (start(options, words_to_run(options, arena), &child, why) < 0)
        return -1;
    buf_init(&child.collected, options->output_max);
    if (feed)
        status = feed_input(&child, feed, context, &timed_out);
    close_fd(&child.input);
    if (timed_out || status < 0 || !wait_in_time(&child)) {
        timed_out = timed_out || status == 0;
        kill(-child.pid, SIGKILL);
        kill(child.pid, SIGKILL); /* it may have left its group */
    }
    ret->status = reap(child.pid);
    ret->timed_out = timed_out;
    ret->output =
        str_from(arena_copy_str(arena, buf_str(&child.collected)), child.collected.n);
    close_fd(&child.output);
    close_fd(&child.ended);
    buf_done(&child.collected);
    return timed_out || status == 0 ? 0 : fail_set(why, "input of the command failed");
}

/* --- commands that talk to a client themselves ---------------------------------------
 */

/* Wait for the end of the process; false when the time came first. */
static bool wait_for_end(const struct child *child)
{
    struct pollfd p = {.fd = child->ended, .events = POLLIN};

    for (;;) {
        int64_t left = child->deadline_ms - clock_ms(&clock_system);
        int n;

        if (left <= 0)
            return false;
        n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
        if (n > 0 || (n < 0 && errno != EINTR))
            return true;
    }
}

/* What went wrong between fork and exec, when something did. */
static int read_failure(int error, struct fail *why)
{
    struct fail told;
    ssize_t n;

    while ((n = read(error, &told, sizeof(told))) < 0 && errno == EINTR)
        ;
    if (n != (ssize_t)sizeof(told))
        return 0;
    if (why != NULL)
        *why = told;
    return -1;
}

static int start_with(const struct child_options *options, const char *const *argv,
                      int fd, struct child *child, struct fail *why)
{
    int error[2], status;

    if (pipe2(error, O_CLOEXEC) < 0)
        return fail_set(why, "make a pipe: %m");
    child->pid = fork();
    if (child->pid == 0) {
        arrange_descriptors(fd, fd, error[1]);
        run(options, argv);
    }
    if (child->pid > 0)
        setpgid(child->pid, child->pid);
    else
        fail_set(why, "fork: %m");
    close(error[1]);
    status = child->pid > 0 ? read_failure(error[0], why) : -1;
    close(error[0]);
    if (status < 0 && child->pid > 0)
        reap(child->pid);
    return status;
}

int child_serve(const struct child_options *options, int fd, struct arena *arena,
                struct child_result *ret, struct fail *why)
{
    struct child child = {.deadline_ms = clock_ms(&clock_system) + options->timeout_ms};

    if (start_with(options, words_to_run(options, arena), fd, &child, why) < 0)
        return -1;
    child.ended = platform_process_fd(child.pid);
    *ret = (struct child_result){.timed_out = !wait_for_end(&child)};
    if (ret->timed_out)
        kill(-child.pid, SIGKILL);
    ret->status = reap(child.pid);
    close_fd(&child.ended);
    return 0;
}
