/*
 * What a daemon is started with. Nothing of the environment of whoever started
 * master gets through but what import_environment names.
 */
#include "master/command.h"

#include "conf/environment.h"
#include "service/logging.h"

#include <stdio.h>
#include <stdlib.h>

static void add_flag(struct texts *argv, struct arena *arena, bool set, const char *flag)
{
    if (set)
        texts_add(argv, arena, flag);
}

static void make_argv(const struct command_options *o, struct arena *arena,
                      struct texts *argv)
{
    const struct master_service *line = o->line;

    texts_add(argv, arena, line->command);
    add_flag(argv, arena, line->process_limit == 1, "-l");
    add_flag(argv, arena, line->process_limit == 0, "-z");
    if (strcmp(line->name, line->command) != 0) {
        texts_add(argv, arena, "-n");
        texts_add(argv, arena, line->name);
    }
    texts_add(argv, arena, "-t");
    texts_add(argv, arena, master_type_text(line->type));
    for (int i = 0; i < o->verbose; i++)
        texts_add(argv, arena, "-v");
    add_flag(argv, arena, line->unprivileged, "-u");
    add_flag(argv, arena, line->chroot, "-c");
    if (line->type == MASTER_INET) {
        texts_add(argv, arena, "-o");
        texts_add(argv, arena, o->stressed ? "stress=yes" : "stress=");
    }
    if (o->sockets > 1) {
        texts_add(argv, arena, "-s");
        texts_add(argv, arena, arena_printf(arena, "%zu", o->sockets));
    }
    for (size_t i = 0; i < line->args.n; i++)
        texts_add(argv, arena, line->args.items[i]);
}

void command_import_environment(const char *import, struct arena *arena,
                                struct texts *env)
{
    texts_add(env, arena, "PATH=/usr/bin:/bin:/usr/sbin:/sbin");
    environment_add(import, arena, env);
}

/* Later words would not replace earlier ones: leave out what is set here anyway. */
static bool is_ours(const char *word)
{
    static const char *const names[] = {
        "MAIL_CONFIG=", "MAIL_LOGTAG=",     "GENERATION=",
        "SLOT=",        "POSTLOG_SERVICE=", "POSTLOG_HOSTNAME="};

    for (size_t i = 0; i < COUNT(names); i++)
        if (str_starts(str_of(word), names[i]))
            return true;
    return false;
}

/* With a log file, children find postlogd before they have read main.cf. */
static void add_log_service(const struct conf *conf, struct arena *arena,
                            struct texts *env)
{
    char host[256];

    if (conf->maillog_file[0] == '\0')
        return;
    logging_host(conf, host, sizeof(host));
    texts_add(env, arena,
              arena_printf(arena, "POSTLOG_SERVICE=%s", conf->postlog_service_name));
    texts_add(env, arena, arena_printf(arena, "POSTLOG_HOSTNAME=%s", host));
}

static void make_env(const struct command_options *o, struct arena *arena,
                     struct texts *env)
{
    struct texts imported = {0};

    command_import_environment(o->conf->import_environment, arena, &imported);
    for (size_t i = 0; i < imported.n; i++)
        if (!is_ours(imported.items[i]))
            texts_add(env, arena, imported.items[i]);
    texts_add(env, arena,
              arena_printf(arena, "MAIL_CONFIG=%s", o->conf->config_directory));
    texts_add(env, arena, arena_printf(arena, "MAIL_LOGTAG=%s", o->conf->syslog_name));
    add_log_service(o->conf, arena, env);
    texts_add(env, arena, arena_printf(arena, "GENERATION=%o", o->generation));
    texts_add(env, arena, arena_printf(arena, "SLOT=%u", (unsigned)o->slot));
}

const char *command_path(const struct conf *conf, const struct master_service *line,
                         struct arena *arena)
{
    if (line->command[0] == '/')
        return line->command;
    return arena_printf(arena, "%s/%s", conf->daemon_directory, line->command);
}

void command_make(const struct command_options *options, struct arena *arena,
                  struct command *ret)
{
    struct texts argv = {0}, env = {0};

    make_argv(options, arena, &argv);
    make_env(options, arena, &env);
    ret->path = command_path(options->conf, options->line, arena);
    ret->argv = argv.items;
    ret->env = env.items;
}
