/*
 * service_run: the order in which a daemon starts, and how it ends. Each step
 * is a function below; the kinds of service have a file each.
 */
#include "service/state.h"

#include "service/debug.h"
#include "service/jail.h"
#include "service/logging.h"
#include "service/watchdog.h"
#include "util/log.h"
#include "util/platform.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the shell or another parent may have left behind. */
static void clean_up_heritage(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    umask(077);
}

/* The number in an environment variable that master sets; false = not there. */
static bool environment_number(const char *name, int base, uint32_t *ret)
{
    const char *text = getenv(name);
    char *end;
    unsigned long value;

    if (!text || *text == '\0')
        return false;
    value = strtoul(text, &end, base);
    if (*end != '\0' || value > UINT32_MAX)
        return false;
    *ret = (uint32_t)value;
    return true;
}

/* Take the descriptors of a child of master (scoreboard.h), or give up. Where a master of
 * before the snapshot has left its place free, in the midst of an upgrade, our log may
 * have it. */
static void meet_master(struct process *process)
{
    struct service_state *own = process->own;
    const char *program = process->program;
    const int snapshot = SCOREBOARD_LISTEN_FD + (int)own->options.sockets;

    if (!environment_number("GENERATION", 8, &own->generation) ||
        !environment_number("SLOT", 10, &own->slot))
        fatal("%s is a daemon that master(8) starts; it is no command to run by hand",
              program);
    own->board = scoreboard_map(SCOREBOARD_FD);
    if (!own->board || own->slot >= own->board->slots)
        fatal("%s: master(8) did not hand over a scoreboard", program);
    for (int fd = SCOREBOARD_FD; fd < snapshot; fd++)
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
            fatal("%s: descriptor %d of master(8) is not open", program, fd);
    if (platform_is_sealed(snapshot) && fcntl(snapshot, F_SETFD, FD_CLOEXEC) == 0)
        own->snapshot_fd = snapshot;
    unsetenv("GENERATION");
    unsetenv("SLOT");
}

static void log_warnings(const struct conf *conf)
{
    const struct texts *warnings = conf_warnings(conf);

    for (size_t i = 0; i < warnings->n; i++)
        log_warning("%s", warnings->items[i]);
}

/*
 * main.cf as it is now; when that is broken, as it was at master's last reload. A mistake
 * that nobody has put in force yet must not stop the mail of those who were served until
 * now by processes that come and go.
 */
static struct conf *read_configuration(const struct process *process)
{
    const struct service_options *options = &process->own->options;
    struct conf_options how = {
        .program = process->program,
        .service = options->name,
        .overrides = options->overrides.n ? options->overrides.items : NULL};
    struct fail why;
    struct conf *conf = conf_load(&how, &why);

    if (!conf && process->own->snapshot_fd > 0) {
        struct fail again;

        how.snapshot_fd = process->own->snapshot_fd;
        conf = conf_load(&how, &again);
        if (conf) {
            log_error("%s", why.text);
            log_warning("the configuration of the last reload stays in force");
        }
    }
    if (!conf)
        fatal("%s", why.text);
    return conf;
}

struct conf *service_conf_with(const struct process *process, const char *setting,
                               struct fail *why)
{
    const struct service_options *options = &process->own->options;
    struct texts overrides = {0};

    for (size_t i = 0; i < options->overrides.n; i++)
        texts_add(&overrides, process->arena, options->overrides.items[i]);
    texts_add(&overrides, process->arena, setting);
    return conf_load(&(struct conf_options){.program = process->program,
                                            .service = options->name,
                                            .overrides = overrides.items},
                     why);
}

static void load_configuration(struct process *process)
{
    const struct service_options *options = &process->own->options;
    struct logging_options logging = {.program = process->program,
                                      .to_stderr = options->to_stderr,
                                      .verbose = options->verbose};

    process->conf = read_configuration(process);
    logging_configure(process->conf, &logging);
    log_warnings(process->conf);
    if (options->debug)
        debug_process(process->conf);
}

/* Sockets that the program can serve; those of another type would spin or hang it. */
static void check_type(const struct process *process)
{
    static const char *const types[] = {
        [SERVICE_ONE_CLIENT] = "inet unix pass", [SERVICE_MANY_CLIENTS] = "inet unix",
        [SERVICE_TRIGGER] = "inet unix fifo",    [SERVICE_DATAGRAM] = "unix-dgram",
        [SERVICE_LOOP] = "inet unix fifo",
    };
    struct str type = str_of(process->own->options.type), word;
    struct str rest = str_of(types[process->service->kind]);

    while ((word = str_word(&rest, " ")).n > 0)
        if (str_eq(word, type))
            return;
    fatal("unsupported transport type: %.*s: for service %s master.cf must say one of: "
          "%s",
          STR_ARG(type), process->name, types[process->service->kind]);
}

/* What the line of master.cf must say for this program. */
static void check_line(const struct process *process)
{
    const struct service_options *options = &process->own->options;
    unsigned flags = process->service->flags;

    if (options->stand_alone)
        return;
    check_type(process);
    if (flags & SERVICE_SOLE && !options->sole)
        fatal("service %s requires a process limit of 1: field maxproc of master.cf",
              process->name);
    if (flags & SERVICE_UNLIMITED && !options->unlimited)
        fatal("service %s requires a process limit of 0 (no limit): field maxproc of "
              "master.cf",
              process->name);
    if (flags & SERVICE_NEEDS_ROOT && options->drop)
        fatal("service %s requires privileged operation: field unpriv of master.cf must "
              "say n",
              process->name);
}

static void enter_queue(struct process *process)
{
    const struct service *service = process->service;
    const struct service_options *options = &process->own->options;
    const struct conf *conf = process->conf;
    struct fail why;

    check_line(process);
    process->privileged = geteuid() == 0 && !options->drop;
    if (chdir(conf->queue_directory) < 0)
        fatal("change to queue_directory %s: %m", conf->queue_directory);
    if (service->before_jail && service->before_jail(process, &why) < 0)
        fatal("%s", why.text);
    if (jail_enter(conf->queue_directory, options->jail, conf->mail_owner, options->drop,
                   &why) < 0)
        fatal("%s", why.text);
    if (service->after_jail && service->after_jail(process, &why) < 0)
        fatal("%s", why.text);
}

static void master_says_retire(void *context, int fd, int events)
{
    struct process *process = context;
    char byte;

    (void)events;
    if (read(fd, &byte, 1) == 0) {
        loop_unwatch(process->own->loop, fd);
        service_retire(process);
    }
}

/* Shows that callbacks return: see watchdog.h. */
static void heartbeat(void *context)
{
    struct process *process = context;

    watchdog_progress();
    loop_timer(process->own->loop, (int64_t)service_time_limit(process) * 1000 / 4,
               heartbeat, process);
}

static void start_kind(struct process *process)
{
    static int (*const start[])(struct process *, struct fail *) = {
        [SERVICE_ONE_CLIENT] = one_client_start,
        [SERVICE_MANY_CLIENTS] = many_clients_start,
        [SERVICE_TRIGGER] = events_start,
        [SERVICE_DATAGRAM] = events_start,
        [SERVICE_LOOP] = events_start,
    };
    const struct service *service = process->service;
    struct fail why;

    if (loop_watch(process->own->loop, SCOREBOARD_RETIRE_FD, LOOP_READ,
                   master_says_retire, process, &why) < 0 ||
        start[service->kind](process, &why) < 0)
        fatal("%s", why.text);
    watchdog_start(service_time_limit(process));
    if (service->kind != SERVICE_ONE_CLIENT)
        heartbeat(process);
}

static void serve(struct process *process)
{
    if (process->own->options.stand_alone) {
        one_client_stand_alone(process);
        return;
    }
    start_kind(process);
    while (loop_step(process->own->loop))
        ;
    if (process->own->board)
        (void)scoreboard_leave(process->own->board, process->own->slot);
}

int service_run(const struct service *service, int argc, char **argv)
{
    struct service_state own = {0};
    struct process process = {.service = service, .program = service->name, .own = &own};
    struct fail why;

    clean_up_heritage();
    logging_start(&(struct logging_options){.program = service->name,
                                            .to_stderr = isatty(STDERR_FILENO)});
    process.arena = arena_new("process");
    if (service_options_parse(argc, argv, service->name, process.arena, &own.options,
                              &why) < 0)
        fatal("%s", why.text);
    if (own.options.to_stderr)
        logging_start(
            &(struct logging_options){.program = service->name, .to_stderr = true});
    process.name = own.options.name;
    process.argv = own.options.words.items;
    process.argc = own.options.words.n;
    process.stand_alone = own.options.stand_alone;
    own.inet = str_is(str_of(own.options.type), "inet");
    own.pass = str_is(str_of(own.options.type), "pass");
    if (!own.options.stand_alone)
        meet_master(&process);
    else if (!(service->flags & SERVICE_STAND_ALONE))
        fatal("%s cannot run stand-alone", service->name);
    own.loop = loop_new(&clock_system);
    process.loop = service->kind == SERVICE_ONE_CLIENT ? NULL : own.loop;
    load_configuration(&process);
    if (own.snapshot_fd > 0)
        close(own.snapshot_fd);
    enter_queue(&process);
    serve(&process);
    if (service->before_exit)
        service->before_exit(&process);
    return 0;
}
