/*
 * The master process seen from outside: the lock on pid/master.pid says
 * whether it runs, the number in there which process it is.
 */
#include "commands/postfix/postfix.h"
#include "commands/run.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include "util/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static const char pid_file[] = "pid/master.pid";

enum { PID_MAX = 1 << 22, POLL_MS = 20 };

static pid_t read_pid(int fd)
{
    char text[64];
    unsigned long long pid;
    ssize_t n = read(fd, text, sizeof(text));

    if (n < 0 || !str_number(str_trim(str_from(text, (size_t)n)), PID_MAX, &pid) ||
        pid < 1)
        fatal("%s holds no process number, though a master process keeps it locked",
              pid_file);
    return (pid_t)pid;
}

pid_t process_find(void)
{
    int fd = open(pid_file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), held;
    struct fail why;
    pid_t pid = 0;

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        fatal("open %s: %m", pid_file);
    held = file_lock(fd, FILE_LOCK_SHARED, FILE_LOCK_FLOCK, false, &why);
    if (held < 0)
        fatal("%s: %s", pid_file, why.text);
    if (held > 0)
        pid = read_pid(fd);
    close(fd);
    return pid;
}

/* The command line of the master process, with what our own options ask for. */
static const char *const *master_argv(const struct control *control, const char *how)
{
    struct arena *arena = control->command.arena;
    struct texts argv = {0};

    texts_add(&argv, arena,
              arena_printf(arena, "%s/master", control->conf->daemon_directory));
    texts_add(&argv, arena, how);
    if (control->debug)
        texts_add(&argv, arena, "-D");
    for (int i = 0; i < control->command.verbose; i++)
        texts_add(&argv, arena, "-v");
    return argv.items;
}

int process_start(const struct control *control)
{
    return run_command(master_argv(control, "-w"));
}

void process_become(const struct control *control)
{
    const char *const *argv = master_argv(control, getpid() == 1 ? "-i" : "-s");

    execv(argv[0], (char *const *)argv);
    fatal("execute %s: %m", argv[0]);
}

void process_signal(pid_t pid, int number)
{
    if (kill(pid, number) < 0)
        fatal("send signal %d to the master process %d: %m", number, (int)pid);
}

bool process_wait_end(int timeout_ms)
{
    int64_t end = clock_ms(&clock_system) + timeout_ms;

    while (process_find() != 0) {
        if (clock_ms(&clock_system) >= end)
            return false;
        if (wait_any(NULL, 0, POLL_MS) < 0)
            fatal("wait: %m");
    }
    return true;
}

/* The master process leads a group of its own, unless it stayed with a terminal. */
void process_kill_group(pid_t pid)
{
    process_signal(getpgid(pid) == pid ? -pid : pid, SIGKILL);
}
