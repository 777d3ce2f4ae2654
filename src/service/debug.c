/* Running debugger_command, with the rights that the process still has. */
#include "service/debug.h"

#include "util/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

void debug_process(const struct conf *conf)
{
    const char *command = conf->debugger_command;
    int status;
    pid_t pid;

    if (command[0] == '\0') {
        log_warning("option -D is of no use without debugger_command");
        return;
    }
    log_info("running: %s", command);
    pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0)
        log_warning("debugger_command: fork: %m");
}
