/*
 * spawn(8): starts a command for each client, as inetd does, and ends it when it
 * takes too long. For policy servers and content filters that know nothing of
 * networks.
 */
#include "deliver/command.h"
#include "service/rights.h"
#include "util/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

struct spawner {
    struct service_rights rights;
    const char *const *argv;
    int time_limit;
    struct texts environment;
};

/* --- master.cf
 * -------------------------------------------------------------------------- */

/* "user=joe argv=/bin/cmd a b" */
static int parse_words(struct process *process, struct spawner *spawner, struct fail *why)
{
    const char *user = NULL, *const *words = process->argv;

    for (; *words; words++) {
        struct str word = str_of(*words);

        if (str_starts_nocase(word, "user="))
            user = word.p + sizeof("user=") - 1;
        else if (str_starts_nocase(word, "argv="))
            break;
        else
            return fail_set(why, "unknown attribute \"%s\"", *words);
    }
    if (!user)
        return fail_set(why, "user= is missing: whose rights the command has");
    if (!*words)
        return fail_set(why, "argv= is missing: the command to run");
    if (service_rights_parse(user, process->conf, process->arena, &spawner->rights, why) <
        0)
        return -1;
    spawner->argv = command_words(words, process->arena);
    return *spawner->argv ? 0 : fail_set(why, "argv= names no command");
}

static int set_up(struct process *process, struct fail *why)
{
    struct spawner *spawner = ARENA_NEW(process->arena, struct spawner);

    process->state = spawner;
    command_environment(process->conf, process->arena, &spawner->environment);
    if (parse_words(process, spawner, why) < 0)
        return fail_prefix(why, "master.cf: service %s", process->name);
    return conf_service_int(process->conf, process->name, "time_limit",
                            &spawner->time_limit, why);
}

/* --- a client
 * --------------------------------------------------------------------------- */

static void tell(const struct spawner *spawner, const struct child_result *result)
{
    const char *command = spawner->argv[0];

    if (result->timed_out)
        log_warning("%s: command time limit exceeded", command);
    else if (WIFSIGNALED(result->status))
        log_warning("command %s killed by signal %d", command, WTERMSIG(result->status));
    else if (WEXITSTATUS(result->status) != 0)
        log_warning("command %s exit status %d", command, WEXITSTATUS(result->status));
}

static void serve(struct client *client)
{
    const struct spawner *spawner = client->process->state;
    const struct child_options options = {
        .argv = spawner->argv,
        .env = spawner->environment.items,
        .uid = spawner->rights.uid,
        .gid = spawner->rights.gid,
        .timeout_ms = spawner->time_limit * 1000L,
    };
    struct child_result result;
    struct fail why;

    if (child_serve(&options, stream_fd(client->stream), client->arena, &result, &why) <
        0)
        log_warning("command %s: %s", spawner->argv[0], why.text);
    else
        tell(spawner, &result);
}

static const struct service spawn_service = {
    .name = "spawn",
    .kind = SERVICE_ONE_CLIENT,
    .flags = SERVICE_NEEDS_ROOT,
    .before_jail = set_up,
    .serve = serve,
};

int main(int argc, char **argv)
{
    return service_run(&spawn_service, argc, argv);
}
