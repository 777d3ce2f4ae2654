/*
 * Assert that a statement ends the process: it runs in a fork, whose exit
 * status (or minus the signal) is the value. Its last log line goes to `text`.
 */
#ifndef DEATH_H
#define DEATH_H

#include "unit.h"

#include <sys/wait.h>
#include <unistd.h>

static inline int death_of(void (*deed)(void), char *text, size_t size)
{
    int fds[2], status;
    ssize_t n;
    pid_t pid;

    assert_int_equal(pipe(fds), 0);
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        dup2(fds[1], STDERR_FILENO);
        deed();
        _exit(111);
    }
    close(fds[1]);
    n = read(fds[0], text, size - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fds[0]);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#endif
