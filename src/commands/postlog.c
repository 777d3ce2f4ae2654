/*
 * postlog(1): writes lines to the mail log, for scripts. It may be set-gid, to
 * reach the socket of postlogd(8), so whoever calls it is not trusted: a line
 * stays one printable line with the caller's process id, as from logger(1).
 */
#include "commands/command.h"
#include "service/logging.h"
#include "util/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct options {
    const char *tag; /* -t; NULL = $syslog_name/postlog */
    enum log_level level;
};

static enum log_level level_of(const char *name)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {
        {"info", LOG_LEVEL_INFO},       {"warn", LOG_LEVEL_WARNING},
        {"warning", LOG_LEVEL_WARNING}, {"error", LOG_LEVEL_ERROR},
        {"err", LOG_LEVEL_ERROR},       {"fatal", LOG_LEVEL_FATAL},
        {"crit", LOG_LEVEL_FATAL},      {"panic", LOG_LEVEL_PANIC},
    };

    for (size_t i = 0; i < COUNT(levels); i++)
        if (str_is_nocase(str_of(name), levels[i].name))
            return levels[i].level;
    fatal("bad severity: \"%s\"", name);
}

static void parse(struct command *command, struct options *options, int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "c:ip:t:v")) != -1)
        switch (option) {
        case 'c':
            command->directory = optarg;
            break;
        case 'i':
            break; /* compat: the process id is always there */
        case 'p':
            options->level = level_of(optarg);
            break;
        case 't':
            options->tag = optarg;
            break;
        case 'v':
            command->verbose++;
            break;
        default:
            fatal("usage: postlog [-c config_dir] [-i] [-p priority] [-t tag] [-v] "
                  "[text]");
        }
}

static void log_words(enum log_level level, char **words, struct arena *arena)
{
    const char *text = words[0];

    for (size_t i = 1; words[i]; i++)
        text = arena_printf(arena, "%s %s", text, words[i]);
    log_at(level, "%s", text);
}

static void log_input(enum log_level level)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;

    while ((n = getline(&line, &size, stdin)) >= 0) {
        if (n > 0 && line[n - 1] == '\n')
            n--;
        log_at(level, "%.*s", (int)n, line);
    }
    if (ferror(stdin))
        fatal("read standard input: %m");
    free(line);
}

int main(int argc, char **argv)
{
    struct command command = {0};
    struct options options = {0};

    if (getegid() != getgid())
        command_shed_environment(&command);
    command_start(&command, "postlog");
    parse(&command, &options, argc, argv);
    command_check_directory(&command);
    command_configure(&command);
    logging_configure(command.conf,
                      &(struct logging_options){.program = command.name,
                                                .tag = options.tag,
                                                .to_stderr = true,
                                                .verbose = command.verbose});
    if (optind < argc)
        log_words(options.level, argv + optind, command.arena);
    else
        log_input(options.level);
    return 0;
}
