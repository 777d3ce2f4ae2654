/*
 * postlogd(8): writes the log when maillog_file is set. Programs send it one
 * datagram a line, in the form of the file (util/log.h), so there is nothing
 * to parse: it makes lines printable and appends them.
 *
 * The file is opened as root, before rights are dropped; "postfix reload"
 * starts a new process, which opens it anew (log rotation). Reading order:
 * main.c, file.c.
 */
#include "postlogd/file.h"
#include "service/service.h"
#include "util/log.h"

static struct logfile *file_of(const struct process *process)
{
    return process->state;
}

/* Our own lines must not go through our own socket. */
static void write_own_line(void *context, enum log_level level, const char *text)
{
    char line[4096];
    size_t n = log_file_form(line, sizeof(line), text);

    (void)level;
    logfile_append(context, str_from(line, n));
}

static int open_log(struct process *process, struct fail *why)
{
    const struct conf *conf = process->conf;
    struct logfile *file = ARENA_NEW(process->arena, struct logfile);
    mode_t mode;

    if (conf->maillog_file[0] == '\0')
        return 0; /* programs that have not noticed yet: their lines go on to syslog */
    if (logfile_mode(conf->maillog_file_permissions, &mode, why) < 0 ||
        logfile_open(file, conf->maillog_file, conf->maillog_file_prefixes, mode, why) <
            0)
        return -1;
    process->state = file;
    log_divert(write_own_line, file);
    return 0;
}

static void take_line(struct process *process, struct str packet)
{
    if (file_of(process))
        logfile_append(file_of(process), packet);
    else
        log_info("%.*s", STR_ARG(packet));
}

static int time_limit(const struct conf *conf)
{
    return conf->postlogd_watchdog_timeout;
}

static const struct service postlogd = {
    .name = "postlogd",
    .kind = SERVICE_DATAGRAM,
    .before_jail = open_log,
    .datagram = take_line,
    .time_limit = time_limit,
    .flags = SERVICE_SOLE | SERVICE_FOREVER,
};

int main(int argc, char **argv)
{
    return service_run(&postlogd, argc, argv);
}
