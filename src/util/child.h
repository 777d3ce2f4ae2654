/*
 * Commands run for mail: started with given ids, environment and directory,
 * input fed and output collected within one time limit.
 */
#ifndef UTIL_CHILD_H
#define UTIL_CHILD_H

#include "util/arena.h"
#include "util/attributes.h"
#include "util/fail.h"
#include "util/stream.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct child_options {
    const char *const *argv; /* run directly, argv[0] looked up in PATH of env; or ... */
    const char *command;     /* ... a command line, see child_run */
    const char *shell; /* $local_command_shell with its options; NULL or "" = /bin/sh */
    const char *const *env; /* the whole environment, "NAME=value", NULL at the end */
    const char *directory;  /* to change to, as the user; NULL = none */
    const char *root;       /* to chroot to; NULL = none */
    uid_t uid;
    gid_t gid;         /* become these for good; ignored when not root */
    const char *user;  /* for supplementary groups; NULL = only gid */
    size_t output_max; /* keep at most this much of stdout+stderr; the rest is read and
                          dropped */
    int64_t timeout_ms;
};

struct child_result {
    int status;        /* as of waitpid(2) */
    bool timed_out;    /* the process group was killed */
    struct str output; /* first output_max bytes, NUL-terminated, in arena */
};

/*
 * Run it. feed(context, to) writes the input to the stream and returns 0, or
 * -1 to give up (the command is killed). Output is collected meanwhile, so
 * neither side can block the other; a command that does not read all of its
 * input is no failure. NULL feed = no input.
 *
 * A command line goes to `shell` when that is set. Else it is run directly
 * when it is an absolute path with plain arguments, and given to /bin/sh when
 * not.
 *
 * The child has descriptors 0, 1 and 2 only, default signals, and a process
 * group of its own. The result is there when the command itself has ended,
 * also when processes that it left behind keep its output open. -1 when it
 * could not be started, or feed gave up.
 */
int child_run(const struct child_options *options,
              int (*feed)(void *context, struct stream *to), void *context,
              struct arena *arena, struct child_result *ret, struct fail *why) MUST_CHECK;

/*
 * Run it with fd as its standard input, output and error, and wait for its end; when the
 * time is over its process group is killed. output_max does not matter.
 */
int child_serve(const struct child_options *options, int fd, struct arena *arena,
                struct child_result *ret, struct fail *why) MUST_CHECK;

#endif
