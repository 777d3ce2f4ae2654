/*
 * "postfix post-install [name=value ...] command": what scripts of packages and of
 * installations from source call when files have been put in place.
 */
#include "commands/postfix/postfix.h"

#include "commands/run.h"
#include "util/log.h"

#include <stdio.h>
#include <string.h>

static int create_missing(const struct control *control)
{
    return structure_make(control) ? 0 : 1;
}

int permissions_repair(const struct control *control)
{
    structure_repair(control);
    return files_repair(control) ? 0 : 1;
}

static int configuration(const struct control *control)
{
    upgrade_configuration(control);
    return 0;
}

static int upgrade(const struct control *control)
{
    int status = permissions_repair(control);

    upgrade_configuration(control);
    return status;
}

static int remind(const struct control *control)
{
    const struct conf *conf = control->conf;

    printf("\n    Before the first start: look at myorigin, mydestination and mynetworks "
           "in\n"
           "    %s/main.cf, and see to it that mail for root and postmaster\n"
           "    reaches a person: /etc/aliases, then run %s.\n\n",
           conf->config_directory, conf->newaliases_path);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(const struct control *control);
} commands[] = {
    {"create-missing", create_missing},
    {"set-permissions", permissions_repair},
    {"upgrade-permissions", permissions_repair},
    {"upgrade-configuration", configuration},
    {"upgrade-package", upgrade},
    {"upgrade-source", upgrade},
    {"first-install-reminder", remind},
};

/* With other names of owners or directories it is a new start that goes on. */
static void start_again(const struct control *control, char **rest)
{
    struct arena *arena = control->command.arena;
    struct texts argv = {0};

    texts_add(&argv, arena,
              arena_printf(arena, "%s/postfix", control->conf->command_directory));
    texts_add(&argv, arena, "-c");
    texts_add(&argv, arena, control->conf->config_directory);
    texts_add(&argv, arena, "post-install");
    for (; *rest; rest++)
        texts_add(&argv, arena, *rest);
    run_instead(argv.items);
}

int post_install(const struct control *control)
{
    struct texts settings = {0};
    char **word = control->arguments;

    for (; *word && strchr(*word, '='); word++)
        texts_add(&settings, control->command.arena, *word);
    for (size_t i = 0; *word && !word[1] && i < COUNT(commands); i++) {
        int status;

        if (strcmp(*word, commands[i].name) != 0)
            continue;
        if (settings.n) {
            installation_settings_save(control, settings.items);
            start_again(control, word);
        }
        status = commands[i].run(control);
        return command_output_is_whole() ? status : 1;
    }
    fatal("usage: postfix post-install [name=value ...] create-missing (or "
          "set-permissions, upgrade-permissions, upgrade-configuration, "
          "upgrade-package, upgrade-source, first-install-reminder)");
}
