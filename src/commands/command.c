/*
 * The common start of commands, and the defence of the set-gid ones. What a
 * caller controls is shed before anything is read: environment, signals,
 * timers, limits, working directory (the caller changes to the queue
 * directory before any table is opened).
 */
#include "commands/command.h"

#include "service/logging.h"
#include "util/ids.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

/* As main.cf says, once it is known. */
static void open_log(const struct command *command)
{
    struct logging_options options = {.program = command->name,
                                      .name = command->called,
                                      .tag = command->tag,
                                      .to_stderr = true,
                                      .verbose = command->verbose};

    if (command->unlogged)
        log_open(&(struct log_options){.name = command->name,
                                       .tag = command->name,
                                       .to_stderr = true,
                                       .verbose = command->verbose});
    else if (command->conf)
        logging_configure(command->conf, &options);
    else
        logging_start(&options);
}

/* A file opened where 0, 1 or 2 was missing would be taken for it. */
static void open_descriptors(void)
{
    for (;;) {
        int fd = open("/dev/null", O_RDWR);

        if (fd < 0)
            _exit(1);
        if (fd > STDERR_FILENO) {
            close(fd);
            return;
        }
    }
}

/* May be called twice. */
static void prepare(struct command *command)
{
    if (command->arena)
        return;
    open_descriptors();
    command->arena = arena_new("command");
}

void command_start(struct command *command, const char *name)
{
    prepare(command);
    command->name = name;
    open_log(command);
}

const char *command_called_as(int argc, char **argv, const char *fallback)
{
    const char *slash;

    if (argc < 1 || argv[0] == NULL)
        return fallback;
    slash = strrchr(argv[0], '/');
    if (slash)
        return slash[1] ? slash + 1 : fallback;
    return argv[0][0] ? argv[0] : fallback;
}

bool command_output_is_whole(void)
{
    return fflush(stdout) == 0 && !ferror(stdout);
}

int command_words(struct command *command, int argc, char **argv, int min, int max,
                  void (*usage)(void))
{
    int option;

    while ((option = getopt(argc, argv, "c:v")) != -1)
        if (option == 'c')
            command->directory = optarg;
        else if (option == 'v')
            command->verbose++;
        else
            usage();
    if (argc - optind < min || argc - optind > max)
        usage();
    return optind;
}

int command_failure(const struct command *command)
{
    return command->failure_status ? command->failure_status : 1;
}

static struct conf *load(const struct command *command, const char *directory)
{
    struct fail why;
    struct conf *conf = conf_load(&(struct conf_options){.program = command->name,
                                                         .directory = directory,
                                                         .lenient = command->lenient},
                                  &why);

    if (conf == NULL)
        fatal_status(command_failure(command), "%s", why.text);
    return conf;
}

void command_configure(struct command *command)
{
    const struct texts *warnings;

    command->conf = load(command, command->directory);
    warnings = conf_warnings(command->conf);
    for (size_t i = 0; i < warnings->n && !command->quiet; i++)
        log_warning("%s", warnings->items[i]);
    open_log(command);
}

void command_enter_queue(const struct command *command)
{
    if (chdir(command->conf->queue_directory) < 0)
        fatal_status(command_failure(command), "chdir %s: %s",
                     command->conf->queue_directory, strerror(errno));
}

/* --- set-gid programs --- */

/* Only harmless characters, so that it may become part of log lines and file names. */
static bool is_plain(const char *value)
{
    return value[strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                               "0123456789+-_./:,")] == '\0' &&
           strlen(value) < 200;
}

static char *keep(const struct command *command, const char *name)
{
    const char *value = getenv(name);

    return value && is_plain(value) ? arena_copy(command->arena, value) : NULL;
}

void command_shed_environment(struct command *command)
{
    const struct itimerval no_timer = {0};
    const struct rlimit no_core = {0};
    char *zone, *tag;
    const char *directory = getenv("MAIL_CONFIG");
    sigset_t none;

    prepare(command);
    zone = keep(command, "TZ");
    tag = keep(command, "MAIL_LOGTAG");
    if (directory && command->directory == NULL)
        command->directory = arena_copy(command->arena, directory);
    clearenv();
    setenv("PATH", "/usr/bin:/bin", 1);
    setenv("LANG", "C", 1);
    if (zone)
        setenv("TZ", zone, 1);
    if (tag)
        setenv("MAIL_LOGTAG", tag, 1);

    signal(SIGCHLD, SIG_DFL); /* others that the caller ignores do no harm ignored */
    signal(SIGXFSZ, SIG_IGN); /* writing fails with EFBIG instead */
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setitimer(ITIMER_REAL, &no_timer, NULL);
    setitimer(ITIMER_VIRTUAL, &no_timer, NULL);
    setitimer(ITIMER_PROF, &no_timer, NULL);
    setrlimit(RLIMIT_CORE, &no_core);
    umask(077);
}

static bool lists(const char *directories, const char *directory)
{
    struct str rest = str_of(directories), word;

    while ((word = str_word(&rest, ", \t\r\n")).n > 0)
        if (str_is(word, directory))
            return true;
    return false;
}

void command_check_directory(struct command *command)
{
    struct conf *conf;
    bool listed;

    if (command->directory == NULL)
        command->directory = getenv("MAIL_CONFIG");
    if (command->directory == NULL || getuid() == 0 ||
        strcmp(command->directory, conf_default_directory()) == 0)
        return;
    conf = load(command, conf_default_directory());
    listed = lists(conf->alternate_config_directories, command->directory) ||
             lists(conf->multi_instance_directories, command->directory);
    conf_free(conf);
    if (listed)
        return;
    log_error("unauthorized configuration directory name: %s", command->directory);
    fatal_status(command_failure(command),
                 "specify \"alternate_config_directories = %s\" or "
                 "\"multi_instance_directories = %s\" in %s/main.cf",
                 command->directory, command->directory, conf_default_directory());
}

const char *command_user(const struct command *command)
{
    struct user user;
    struct fail why;

    if (user_by_uid(getuid(), command->arena, &user, &why) == 1)
        return user.name;
    return arena_printf(command->arena, "%ld", (long)getuid());
}
