/*
 * What a user may do. The defaults allow everything to everybody, which is seen
 * without looking anything up. What is limited, postaccess(8) decides: a program of its
 * own, so that most submissions are spared the libraries of lookup tables. It runs
 * with our ids, set-gid included.
 */
#include "commands/access.h"

#include "util/ids.h"
#include "util/log.h"
#include "util/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- asking --- */

/* Start it with nothing to read; the end of its output, or -1. */
static int start(const char *const *argv, pid_t *ret_pid, struct fail *why)
{
    posix_spawn_file_actions_t actions;
    int ends[2], code;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail_set(why, "create a pipe: %m");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    code = posix_spawn(ret_pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (code == 0)
        return ends[0];
    close(ends[0]);
    errno = code;
    return fail_set(why, "run %s: %m", argv[0]);
}

/* What it says, in one line, and its exit status: 0 = allowed, 1 = not. */
static int hear(const char *program, int output, pid_t pid, struct fail *why)
{
    struct stream *answer = stream_new(output, 0);
    struct str words = STR_NONE;
    int status;

    if (stream_read_line(answer, sizeof(why->text), &words, NULL) == STREAM_OK)
        fail_set(why, "%.*s", STR_ARG(words));
    else
        fail_set(why, "%s: no answer", program);
    stream_free(answer);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
        return -1;
    return WEXITSTATUS(status) == 0;
}

/* 1, 0, -1; what is not 1 has its words in *why. */
static int ask(const struct command *command, const char *param, const char *sender,
               struct fail *why)
{
    const struct conf *conf = command->conf;
    const char *argv[] = {
        arena_printf(command->arena, "%s/postaccess", conf->daemon_directory),
        "-c",
        conf->config_directory,
        "--",
        param,
        sender,
        NULL,
    };
    pid_t pid;
    int output = start(argv, &pid, why);

    return output < 0 ? -1 : hear(argv[0], output, pid, why);
}

/* --- what is asked --- */

void access_require(const struct command *command, const char *param, const char *list,
                    const char *act)
{
    struct user user = {.name = ACCESS_NOBODY};
    struct fail why;
    int allowed = 1;

    if (strcmp(list, "static:anyone") != 0)
        allowed = ask(command, param, NULL, &why);
    if (allowed < 0 ||
        (allowed == 0 && user_by_uid(getuid(), command->arena, &user, &why) < 0))
        fatal_status(command_failure(command), "%s", why.text);
    if (allowed == 0)
        fatal_status(command_failure(command), "User %s(%ld) is not allowed to %s",
                     user.name, (long)getuid(), act);
}

bool access_owns_queue(const struct command *command)
{
    struct user owner;
    struct fail why;

    return getuid() == 0 ||
           (user_by_name(command->conf->mail_owner, command->arena, &owner, &why) == 1 &&
            owner.uid == getuid());
}

int access_sender(const struct command *command, struct str sender, struct fail *why)
{
    if (strcmp(command->conf->local_login_sender_maps, "static:*") == 0)
        return 1;
    return ask(command, "local_login_sender_maps", arena_copy_str(command->arena, sender),
               why);
}
