/*
 * postfix(1): starts, stops and looks after the mail system.
 *
 * What it does is said in the log as well, by the name that log readers know
 * ($syslog_name/postfix-script). Reading order: main.c (the words), process.c
 * (the master process), structure.c (directories), check.c (files).
 */
#include "commands/postfix/lint.h"
#include "commands/postfix/postfix.h"
#include "commands/run.h"
#include "service/logging.h"
#include "util/ids.h"
#include "util/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    STOP_WAIT_S = 5, /* for the master process to end on our signal */
};

/* --- start and end ------------------------------------------------------------------ */

static pid_t must_run(void)
{
    pid_t pid = process_find();

    if (pid == 0)
        fatal("the Postfix mail system is not running");
    return pid;
}

static void prepare_start(const struct control *control)
{
    (void)structure_make(control);
    if (chdir(control->conf->queue_directory) < 0)
        fatal("change directory to %s: %m", control->conf->queue_directory);
    if (process_find() != 0)
        fatal("the Postfix mail system is already running");
    if (!check_queue(control))
        fatal("Postfix integrity check failed!");
    log_info("starting the Postfix mail system");
}

static int start(const struct control *control)
{
    prepare_start(control);
    if (process_start(control) != 0)
        fatal("mail system startup failed");
    return 0;
}

static int start_here(const struct control *control)
{
    prepare_start(control);
    process_become(control);
    return 1;
}

static int stop(const struct control *control)
{
    pid_t pid = must_run();

    (void)control;
    log_info("stopping the Postfix mail system");
    process_signal(pid, SIGTERM);
    for (int i = 0; i < STOP_WAIT_S; i++) {
        if (process_wait_end(1000))
            return 0;
        log_info("waiting for the Postfix mail system to terminate");
    }
    log_warning("stopping the Postfix mail system with force");
    process_kill_group(pid);
    return 0;
}

/* When a machine goes down: nothing to stop is no failure, and nobody has time. */
static int stop_at_once(const struct control *control)
{
    pid_t pid = process_find();

    (void)control;
    if (pid == 0) {
        log_error("the Postfix mail system is not running");
        return 0;
    }
    log_info("stopping the Postfix mail system");
    process_signal(pid, SIGTERM);
    (void)process_wait_end(1000);
    return 0;
}

static int drain(const struct control *control)
{
    pid_t pid = must_run();

    (void)control;
    log_info("stopping the Postfix mail system");
    process_signal(pid, SIGKILL);
    return 0;
}

static int abort_all(const struct control *control)
{
    pid_t pid = must_run();

    (void)control;
    log_info("aborting the Postfix mail system");
    process_signal(pid, SIGTERM);
    return 0;
}

/* --- while it runs -------------------------------------------------------------------
 */

static int reload(const struct control *control)
{
    pid_t pid = must_run();

    log_info("refreshing the Postfix mail system");
    (void)structure_make(control);
    process_signal(pid, SIGHUP);
    return 0;
}

static int flush(const struct control *control)
{
    const char *path = arena_printf(control->command.arena, "%s/postqueue",
                                    control->conf->command_directory);

    execl(path, path, "-f", NULL);
    fatal("execute %s: %m", path);
}

static int status(const struct control *control)
{
    pid_t pid = process_find();

    (void)control;
    if (pid == 0)
        log_info("the Postfix mail system is not running");
    else
        log_info("the Postfix mail system is running: PID: %d", (int)pid);
    return pid == 0;
}

static int check(const struct control *control)
{
    bool whole = structure_make(control);

    if (!check_queue(control))
        return 1;
    check_files(control);
    return control->errors > 0 || !whole;
}

static int logrotate(const struct control *control)
{
    logfile_rotate(control);
    return 0;
}

/* With other names of owners or directories it is a new start that gives them. */
static int set_permissions(const struct control *control)
{
    const char *const argv[] = {arena_printf(control->command.arena, "%s/postfix",
                                             control->conf->command_directory),
                                "-c", control->conf->config_directory, "set-permissions",
                                NULL};

    if (installation_settings_save(control, (const char *const *)control->arguments))
        run_instead(argv);
    return permissions_repair(control);
}

static int upgrade(const struct control *control)
{
    (void)structure_make(control);
    upgrade_configuration(control);
    return command_output_is_whole() ? 0 : 1;
}

static int explain(const struct control *control)
{
    char **arguments = control->arguments;

    if (!arguments[0])
        fatal("usage: postfix explain address [sender]");
    explain_address(control, arguments[0], arguments[1] ? arguments[1] : "");
    return command_output_is_whole() ? 0 : 1;
}

static int tls(const struct control *control)
{
    return tls_command(control, control->conf->openssl_path);
}

/* --- the words -----------------------------------------------------------------------
 */

static const struct word {
    const char *name;
    int (*run)(const struct control *control);
    bool alone;   /* for the default instance, whatever others there are */
    bool lenient; /* works with a broken main.cf */
    /* Looks at main.cf and master.cf before anything else, for all that is wrong there or
       for what would keep daemons from starting. */
    enum { TRUSTS, EXAMINES, EXAMINES_BRIEFLY } examines;
} words[] = {
    {.name = "start", .run = start},
    {.name = "start-fg", .run = start_here},
    {.name = "stop", .run = stop, .lenient = true},
    {.name = "quick-stop", .run = stop_at_once, .lenient = true},
    {.name = "drain", .run = drain, .lenient = true},
    {.name = "abort", .run = abort_all, .lenient = true},
    {.name = "reload", .run = reload, .examines = EXAMINES_BRIEFLY},
    {.name = "flush", .run = flush},
    {.name = "check", .run = check, .examines = EXAMINES},
    {.name = "status", .run = status, .lenient = true},
    {.name = "set-permissions", .run = set_permissions},
    {.name = "upgrade-configuration", .run = upgrade},
    {.name = "post-install", .run = post_install},
    {.name = "logrotate", .run = logrotate},
    {.name = "non-bdb", .run = non_bdb},
    {.name = "tls", .run = tls},
    {.name = "explain", .run = explain, .alone = true},
};

static const struct word *find_word(const char *name)
{
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcmp(words[i].name, name) == 0)
            return &words[i];
    return NULL;
}

static NO_RETURN void unknown_word(const char *name)
{
    fatal("unknown command: '%s'. Usage: postfix start (or stop, reload, abort, flush, "
          "check, status, explain, set-permissions, upgrade-configuration, logrotate, "
          "tls, non-bdb, start-fg, drain)",
          name);
}

static NO_RETURN void usage(void)
{
    fatal("usage: postfix [-c config_dir] [-Dv] command");
}

static void parse(struct control *control, int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "+c:Dv")) != -1)
        switch (option) {
        case 'c':
            if (optarg[0] != '/')
                fatal("-c requires absolute pathname");
            control->command.directory = optarg;
            break;
        case 'D':
            control->debug = true;
            break;
        case 'v':
            control->command.verbose++;
            break;
        default:
            usage();
        }
}

static void find_ids(struct control *control)
{
    const struct conf *conf = control->conf;
    struct user user;
    struct fail why;
    int found = user_by_name(conf->mail_owner, control->command.arena, &user, &why);

    if (found < 0)
        fatal("%s", why.text);
    if (found == 0)
        fatal("file %s/main.cf: parameter mail_owner: user %s is not known",
              conf->config_directory, conf->mail_owner);
    control->mail_owner = user.uid;
    control->mail_group = user.gid;
    found = group_by_name(conf->setgid_group, &control->setgid_group, &why);
    if (found < 0)
        fatal("%s", why.text);
    if (found == 0)
        fatal("file %s/main.cf: parameter setgid_group: group %s is not known",
              conf->config_directory, conf->setgid_group);
}

/* From here on we speak as the script that logs of Postfix know. */
static void log_as_script(const struct control *control)
{
    struct logging_options options = {
        .program = "postfix-script",
        .tag = arena_printf(control->command.arena, "%s/postfix-script",
                            control->conf->syslog_name),
        .to_stderr = true,
        .verbose = control->command.verbose,
    };

    logging_configure(control->conf, &options);
}

/* A configuration that was examined is told of already. */
static void examine(struct control *control, const struct word *word)
{
    const char *directory = conf_directory(control->command.directory);

    control->command.lenient = word->lenient || word->examines != TRUSTS;
    if (word->examines == TRUSTS)
        return;
    control->errors = lint_configuration(directory, word->examines == EXAMINES_BRIEFLY,
                                         control->command.arena);
    control->command.quiet = control->errors > 0 || word->examines == EXAMINES;
}

/*
 * With other instances, and none of them chosen, the command is for all: the
 * multi-instance manager calls us again for each. The first process of a container stays
 * what it is.
 */
static void hand_over(const struct control *control, const struct word *word)
{
    struct texts argv = {0};
    struct conf *conf;
    struct fail why;

    if (control->command.directory || getenv("MAIL_CONFIG") || word->alone ||
        (getpid() == 1 && word->run == start_here))
        return;
    conf = conf_load(&(struct conf_options){.program = "postfix", .lenient = true}, &why);
    if (conf == NULL || *conf->multi_instance_directories == '\0') {
        conf_free(conf);
        return;
    }
    if (*conf->multi_instance_wrapper == '\0')
        fatal("multi_instance_directories is set, but not multi_instance_wrapper");
    texts_split(&argv, control->command.arena, str_of(conf->multi_instance_wrapper),
                " \t\r\n");
    texts_add(&argv, control->command.arena, word->name);
    for (size_t i = 0; control->arguments[i]; i++)
        texts_add(&argv, control->command.arena, control->arguments[i]);
    setenv("config_directory", conf->config_directory, 1);
    setenv("command_directory", conf->command_directory, 1);
    setenv("daemon_directory", conf->daemon_directory, 1);
    run_instead(argv.items);
}

/* Shared files are the default instance's to look after. */
static bool is_secondary(const struct control *control)
{
    const char *directory = control->conf->config_directory;
    struct texts others = {0};
    struct conf *conf;
    struct fail why;

    if (strcmp(directory, conf_default_directory()) == 0)
        return false;
    conf = conf_load(&(struct conf_options){.program = "postfix",
                                            .directory = conf_default_directory(),
                                            .lenient = true},
                     &why);
    if (conf == NULL)
        return false;
    texts_split(&others, control->command.arena, str_of(conf->multi_instance_directories),
                ", \t\r\n");
    conf_free(conf);
    return texts_has(&others, str_of(directory), false);
}

/*
 * Old defaults are in force until the administrator says otherwise. compat: the level
 * that quiets this is 3.6; what changed later (smtp_tls_security_level) is not worth a
 * notice.
 */
static void tell_compatibility(const struct conf *conf)
{
    if (!conf_level_below(conf, "3.6"))
        return;
    log_info("Postfix is using backwards-compatible default settings");
    log_info("See http://www.postfix.org/COMPATIBILITY_README.html for details");
    log_info("To disable backwards compatibility use \"postconf "
             "compatibility_level=3.6\" and \"postfix reload\"");
}

int main(int argc, char **argv)
{
    struct control control = {0};
    const struct word *word;

    command_start(&control.command, "postfix");
    umask(022);
    if (getuid() != 0) {
        log_error("to submit mail, use the Postfix sendmail command");
        fatal("the postfix command is reserved for the superuser");
    }
    parse(&control, argc, argv);
    word = find_word(optind < argc ? argv[optind] : "");
    control.arguments = argv + (optind < argc ? optind + 1 : argc);
    if (word) {
        hand_over(&control, word);
        examine(&control, word);
    }
    command_configure(&control.command);
    control.conf = control.command.conf;
    setenv("PATH", "/usr/bin:/bin:/usr/sbin:/sbin", 1);
    control.secondary = is_secondary(&control);
    setenv("MAIL_CONFIG", control.conf->config_directory, 1);
    tell_compatibility(control.conf);
    log_as_script(&control);
    if (chdir(control.conf->queue_directory) < 0 && chdir("/") < 0)
        fatal("change directory to /: %m");
    if (word == NULL)
        unknown_word(optind < argc ? argv[optind] : "");
    if (control.errors && word->examines == EXAMINES_BRIEFLY)
        fatal("the old configuration stays in force");
    if (!word->lenient)
        find_ids(&control);
    return word->run(&control);
}
