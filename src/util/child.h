/*
 * Commands run for mail: started with given ids, environment and directory,
 * input fed and output collected within one time limit.
 */
#ifndef UTIL_CHILD_H
#define UTIL_CHILD_H

#include "util/arena.h"
#include "util/attributes.h"
#include "util/fail.h"

#include <stdint.h>
#include <sys/types.h>

struct child_options {
    const char *const *argv;   /* run directly, argv[0] looked up in PATH of env; or ... */
    const char *command;       /* ... a command line: run directly when it holds no shell magic, else by shell */
    const char *shell;         /* $local_command_shell, "" = /bin/sh */
    const char *const *env;    /* the whole environment, "NAME=value", NULL at the end */
    const char *directory;     /* to change to, as the user; NULL = none */
    const char *root;          /* to chroot to; NULL = none */
    uid_t uid;
    gid_t gid;                 /* become these for good; ignored when not root */
    const char *user;          /* for supplementary groups; NULL = none */
    size_t output_max;         /* keep at most this much of stdout+stderr; the rest is read and dropped */
    int64_t timeout_ms;
};

struct child_result {
    int status;         /* as of waitpid(2) */
    bool timed_out;     /* the process group was killed */
    struct str output;  /* first output_max bytes, in arena */
};

/*
 * Run it. feed(context, fd) writes the input to fd and returns 0, or -1 to
 * give up (EPIPE is no failure: the command need not read all). The child has
 * descriptors 0, 1 and 2 only. -1 when it could not be started.
 */
int child_run(const struct child_options *options, int (*feed)(void *context, int fd),
              void *context, struct arena *arena, struct child_result *ret,
              struct fail *why) MUST_CHECK;

#endif
