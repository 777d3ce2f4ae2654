/*
 * A new log file: the old one gets another name, postlogd and who else writes
 * it start anew with the reload, and then nobody writes the old one any more. It is
 * compressed at the end, when a line or two may still have come.
 */
#include "commands/postfix/postfix.h"
#include "commands/run.h"
#include "util/log.h"
#include "util/wait.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    SETTLE_MS = 1000, /* for processes to let go of the old file */
};

static const char *new_name(const struct control *control, const char *path)
{
    char suffix[200];
    time_t now = time(NULL);
    struct tm tm;

    if (localtime_r(&now, &tm) == NULL ||
        strftime(suffix, sizeof(suffix), control->conf->maillog_file_rotate_suffix,
                 &tm) == 0)
        fatal("maillog_file_rotate_suffix: bad value \"%s\"",
              control->conf->maillog_file_rotate_suffix);
    return arena_printf(control->command.arena, "%s.%s", path, suffix);
}

static void compress(const struct control *control, const char *path)
{
    const char *argv[] = {control->conf->maillog_file_compressor, path, NULL};
    int status = run_command(argv);

    if (status != 0)
        fatal("maillog_file_compressor: %s %s: exit status %d", argv[0], path, status);
}

void logfile_rotate(const struct control *control)
{
    const char *path = control->conf->maillog_file, *to;
    pid_t pid;

    if (path[0] == '\0')
        fatal("empty 'maillog_file' parameter value - logfile rotation failed");
    if (strncmp(path, "/dev/", strlen("/dev/")) == 0)
        fatal("maillog_file = %s cannot be rotated", path);
    to = new_name(control, path);
    if (access(to, F_OK) == 0)
        fatal("%s exists already", to);
    if (rename(path, to) < 0)
        fatal("rename %s to %s: %m", path, to);
    if ((pid = process_find()) != 0) {
        process_signal(pid, SIGHUP);
        if (wait_any(NULL, 0, SETTLE_MS) < 0)
            fatal("wait: %m");
    }
    compress(control, to);
}
