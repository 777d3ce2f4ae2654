#include "commands/run.h"

#include "util/log.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

void run_instead(const char *const *argv)
{
    execvp(argv[0], (char *const *)argv);
    fatal("execute %s: %m", argv[0]);
}

int run_command(const char *const *argv)
{
    pid_t pid = fork();
    int status;

    if (pid < 0)
        fatal("fork: %m");
    if (pid == 0)
        run_instead(argv);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            fatal("wait for %s: %m", argv[0]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
