/*
 * postkick(1): sends a few bytes to a service, from scripts. What they mean is
 * the service's own; nothing is answered.
 */
#include "commands/command.h"
#include "ipc/client.h"
#include "util/log.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int kick(const struct conf *conf, const char *path, const char *bytes)
{
    struct fail why;
    struct stat st;

    if (stat(path, &st) < 0) {
        log_warning("unable to look up %s: %s", path, strerror(errno));
        return -1;
    }
    if (ipc_trigger(path, bytes, conf->trigger_timeout * 1000L, &why) == 0)
        return 0;
    if (log_verbose())
        log_warning("%s", why.text);
    return -1;
}

static void usage(void)
{
    fatal("usage: postkick [-c config_dir] [-v] class service request");
}

int main(int argc, char **argv)
{
    struct command command = {.unlogged = true};
    const char *class, *service;

    command_start(&command, "postkick");
    argv += command_words(&command, argc, argv, 3, 3, usage);
    class = argv[0];
    service = argv[1];
    command_configure(&command);
    command_enter_queue(&command);
    if (kick(command.conf, arena_printf(command.arena, "%s/%s", class, service),
             argv[2]) == 0)
        return 0;
    log_warning("Cannot contact class %s service %s - perhaps the mail system is down",
                class, service);
    return 1;
}
