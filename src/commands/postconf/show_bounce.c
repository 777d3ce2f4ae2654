/* The words of reports, which bounce(8) knows: postconf becomes that program. */
#include "commands/postconf/postconf.h"

#include "util/log.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* bounce works in the queue directory, where a name of here means another file. */
static const char *absolute(struct run *run, const char *path)
{
    char here[PATH_MAX];

    if (path[0] == '/' || path[0] == '\0')
        return path;
    if (getcwd(here, sizeof here) == NULL)
        fatal("find the current directory: %m");
    return arena_printf(run->command.arena, "%s/%s", here, path);
}

void show_bounce(struct run *run, char **arguments)
{
    struct arena *arena = run->command.arena;
    const char *path;
    struct texts words = {0};

    if (arguments[0] && arguments[1])
        fatal("options -b and -t require at most one template file");
    command_configure(&run->command);
    path = arena_printf(arena, "%s/bounce", run->command.conf->daemon_directory);
    texts_add(&words, arena, "bounce");
    texts_add(&words, arena, "-SV");
    if (arguments[0]) {
        texts_add(&words, arena, "-o");
        texts_add(
            &words, arena,
            arena_printf(arena, "bounce_template_file=%s", absolute(run, arguments[0])));
    }
    texts_add(&words, arena, run->mode == 'b' ? "texts" : "templates");
    if (run->command.directory && setenv("MAIL_CONFIG", run->command.directory, 1) < 0)
        fatal("set MAIL_CONFIG: %m");
    execv(path, (char *const *)words.items);
    fatal("execute %s: %m", path);
}
