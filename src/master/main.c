/*
 * master(8): offers the services of master.cf, starts daemons when clients
 * come, and restarts what fails.
 *
 * Reading order: main.c (start, signals, reload, stop), entry.c (who waits for
 * the next client), crew.c (what is shared with processes), children.c,
 * command.c (how they are started), listener.c (sockets), lock.c (one instance).
 */
#include "master/children.h"
#include "master/entry.h"
#include "master/lock.h"
#include "master/master.h"
#include "service/debug.h"
#include "service/logging.h"
#include "util/log.h"
#include "util/platform.h"
#include "util/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    START_WAIT_MS = 30000, /* -w: how long the start may take */
    STOP_WAIT_MS = 2000,   /* for processes to end on our signal */
};

struct options {
    bool debug;       /* -D: run debugger_command first */
    bool foreground;  /* -d: stay with the terminal and its session */
    bool init;        /* -i: we are process 1 of a container */
    bool keep_stdout; /* -s */
    bool test;        /* -t */
    bool wait;        /* -w */
    int exit_after;   /* -e seconds; -1 = never */
    int verbose;
};

static NO_RETURN void usage(void)
{
    fatal("usage: master [-c config_dir] [-D (debug)] [-d (don't detach from terminal)] "
          "[-e exit_time] [-i (init mode)] [-s (keep stdout)] [-t (test)] [-v] [-w "
          "(wait)]");
}

static int seconds_of(const char *text)
{
    unsigned long long value;

    if (!str_number(str_of(text), INT_MAX / 1000, &value))
        usage();
    return (int)value;
}

static void parse_options(int argc, char **argv, struct options *o)
{
    int c;

    while ((c = getopt(argc, argv, "c:Dde:istvw")) != -1) {
        switch (c) {
        case 'c':
            setenv("MAIL_CONFIG", optarg, 1);
            break;
        case 'D':
            o->debug = true;
            break;
        case 'd':
            o->foreground = true;
            break;
        case 'e':
            o->exit_after = seconds_of(optarg);
            break;
        case 'i':
            o->init = true;
            break;
        case 's':
            o->keep_stdout = true;
            break;
        case 't':
            o->test = true;
            break;
        case 'v':
            o->verbose++;
            break;
        case 'w':
            o->wait = true;
            break;
        default:
            usage();
        }
    }
    if (optind != argc || (o->wait && (o->foreground || o->init)))
        usage();
    if (o->init && getpid() != 1)
        fatal("-i is allowed only for PID 1 process");
}

/* --- configuration ------------------------------------------------------------------ */

static void settings_free(struct settings *settings)
{
    close(settings->snapshot);
    conf_free(settings->conf);
    arena_free(settings->arena);
    *settings = (struct settings){0};
}

/* all: of every program. A reload must do for all of them, or they would end; at the
 * start there is nothing better to fall back to. */
static int settings_read(struct settings *ret, bool all, struct fail *why)
{
    struct conf_options options = {.program = "master", .all_programs = all};
    struct settings new = {.conf = conf_load(&options, why), .snapshot = -1};
    char path[1000];

    if (new.conf == NULL)
        return -1;
    new.arena = arena_new("master.cf");
    snprintf(path, sizeof(path), "%s/master.cf", new.conf->config_directory);
    if (master_cf_read(path, new.conf, new.arena, &new.master_cf, why) < 0 ||
        (new.snapshot = conf_snapshot(new.conf, why)) < 0) {
        settings_free(&new);
        return -1;
    }
    *ret = new;
    return 0;
}

static void log_warnings(const struct settings *settings)
{
    const struct texts *lists[] = {conf_warnings(settings->conf),
                                   &settings->master_cf.warnings};

    for (size_t i = 0; i < COUNT(lists); i++)
        for (size_t j = 0; j < lists[i]->n; j++)
            log_warning("%s", lists[i]->items[j]);
    for (size_t i = 0; i < settings->master_cf.notices.n; i++)
        log_info("%s", settings->master_cf.notices.items[i]);
}

static void reload(struct master *master)
{
    struct settings old = master->settings, new;
    struct fail why;

    if (settings_read(&new, true, &why) < 0) {
        log_error("%s", why.text);
        log_warning("the old configuration stays in force");
        return;
    }
    master->settings = new;
    master->generation++;
    logging_configure(new.conf, &(struct logging_options){.program = "master",
                                                          .verbose = master->verbose});
    log_warnings(&new);
    entries_apply(master, false);
    settings_free(&old);
    log_info("reload -- version %s, configuration %s", new.conf->mail_version,
             new.conf->config_directory);
}

/* --- signals --------------------------------------------------------------------------
 */

static void stop(void *context)
{
    struct master *master = context;

    loop_stop(master->loop);
}

/* Stop when the last process has ended, and after a while in any case. */
static void begin_to_stop(struct master *master, int signal)
{
    if (master->stopping)
        return;
    master->stopping = true;
    log_info("terminating on signal %d", signal);
    children_signal(master, SIGTERM);
    entries_let_log_end(master);
    loop_timer(master->loop, STOP_WAIT_MS, stop, master);
}

static void end_of_children(struct master *master)
{
    children_reap(master);
    if (master->stopping)
        entries_let_log_end(master);
}

static void signal_came(void *context, int fd, int events)
{
    struct master *master = context;
    int signal;

    (void)events;
    while ((signal = platform_take_signal(fd)) != 0) {
        if (signal == SIGCHLD)
            end_of_children(master);
        else if (signal == SIGHUP && !master->stopping)
            reload(master);
        else if (signal == SIGTERM || signal == SIGINT)
            begin_to_stop(master, signal);
    }
    if (master->stopping && map_count(master->children) == 0)
        loop_stop(master->loop);
}

/* --- start ----------------------------------------------------------------------------
 */

/*
 * -w: the process that was called waits until the one that stays has started,
 * and tells by its exit status whether that succeeded. Returns, in the one
 * that stays, the descriptor to report to.
 */
static int detach_and_wait(void)
{
    int fds[2], status = 1;
    char c;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0)
        fatal("pipe: %m");
    pid = fork();
    if (pid < 0)
        fatal("fork: %m");
    close(fds[pid == 0 ? 0 : 1]);
    if (pid == 0)
        return fds[1];
    if (wait_one(fds[0], POLLIN, START_WAIT_MS) <= 0)
        fatal("the master process is still starting after %d seconds",
              START_WAIT_MS / 1000);
    if (read(fds[0], &c, 1) == 1)
        _exit(0);
    waitpid(pid, &status, 0);
    _exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1);
}

static void to_null(int fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || dup2(null, fd) < 0)
        fatal("open /dev/null: %m");
    if (null > STDERR_FILENO)
        close(null);
}

/* Descriptors 0 to 2 must be something, or sockets would get these numbers. */
static void fill_standard_descriptors(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            to_null(fd);
}

/* Signals that whoever starts us ignores would be ignored by all daemons, and by the
 * commands that users have run. */
static void forget_ignored_signals(void)
{
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL); /* not for KILL and STOP */
    (void)signal(SIGPIPE, SIG_IGN);
}

static void leave_terminal(const struct options *o)
{
    if (o->foreground)
        return;
    if (!o->init && getpid() != getsid(0) && setsid() < 0 && errno != EPERM)
        fatal("setsid: %m");
    to_null(STDIN_FILENO);
    if (!o->keep_stdout && !o->init)
        to_null(STDOUT_FILENO);
    to_null(STDERR_FILENO);
}

static void enter_queue_directory(const struct conf *conf)
{
    if (conf->queue_directory[0] != '/')
        fatal("queue_directory: not an absolute path: \"%s\"", conf->queue_directory);
    if (chdir(conf->queue_directory) < 0)
        fatal("change directory to %s: %m", conf->queue_directory);
}

static void log_to(const struct master *master, bool to_stderr)
{
    struct logging_options options = {
        .program = "master", .to_stderr = to_stderr, .verbose = master->verbose};

    logging_configure(master->settings.conf, &options);
}

static void set_up(struct master *master, const struct options *o)
{
    static const int signals[] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT, 0};
    struct fail why;

    if (lock_take(master->settings.conf, &why) < 0)
        fatal("%s", why.text);
    master->signals = platform_signal_fd(signals, &why);
    if (master->signals < 0)
        fatal("%s", why.text);
    master->loop = loop_new(&clock_system);
    master->children = map_new();
    if (loop_watch(master->loop, master->signals, LOOP_READ, signal_came, master, &why) <
        0)
        fatal("%s", why.text);
    if (o->exit_after >= 0)
        loop_timer(master->loop, (int64_t)o->exit_after * 1000, stop, master);
    entries_apply(master, true);
}

static void read_first_settings(struct master *master)
{
    struct fail why;

    if (settings_read(&master->settings, false, &why) < 0)
        fatal("%s", why.text);
    enter_queue_directory(master->settings.conf);
}

int main(int argc, char **argv)
{
    struct options options = {.exit_after = -1};
    struct master master = {.generation = 1};
    int report = -1;

    umask(077);
    forget_ignored_signals();
    fill_standard_descriptors();
    platform_close_from(STDERR_FILENO + 1);
    logging_start(&(struct logging_options){.program = "master", .to_stderr = true});
    parse_options(argc, argv, &options);
    master.verbose = options.verbose;
    read_first_settings(&master);
    if (options.test)
        return lock_is_held() ? 1 : 0;
    if (geteuid() != 0)
        fatal("the master process must be started by root");
    if (options.wait)
        report = detach_and_wait();
    log_to(&master, true);
    if (options.debug)
        debug_process(master.settings.conf);
    set_up(&master, &options);
    leave_terminal(&options);
    log_to(&master, options.foreground);
    log_info("daemon started -- version %s, configuration %s (Postern %s)",
             master.settings.conf->mail_version, master.settings.conf->config_directory,
             master.settings.conf->postern_version);
    log_warnings(&master.settings);
    if (report >= 0 && write(report, "", 1) == 1)
        close(report);
    while (loop_step(master.loop))
        ;
    entries_close(&master);
    return 0;
}
