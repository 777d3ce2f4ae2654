/*
 * Appending to the log file. A line is one write, so that lines of root's
 * commands, which append too while the mail system is down, do not mix with ours.
 */
#include "postlogd/file.h"

#include "util/file.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { LINE_SIZE = 4096 };

static bool is_below(const char *path, const char *prefixes)
{
    struct str rest = str_of(prefixes), prefix;

    while ((prefix = str_word(&rest, ", \t\r\n")).n > 0) {
        while (prefix.n > 1 && prefix.p[prefix.n - 1] == '/')
            prefix.n--;
        if (strncmp(path, prefix.p, prefix.n) == 0 &&
            (path[prefix.n] == '\0' || path[prefix.n] == '/'))
            return true;
    }
    return false;
}

static int open_stdout(struct fail *why)
{
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);

    return fd < 0 ? fail_set(why, "/dev/stdout: %m") : fd;
}

static int open_file(const char *path, mode_t mode, struct fail *why)
{
    struct stat st;
    mode_t mask = umask(0);
    int fd = file_open_safely(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, mode, &st,
                              why);

    umask(mask);
    if (fd < 0)
        return fail_prefix(why, "%s", path);
    if (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
        return fd;
    close(fd);
    return fail_set(why, "%s is neither file nor pipe nor terminal", path);
}

int logfile_open(struct logfile *file, const char *path, const char *prefixes,
                 mode_t mode, struct fail *why)
{
    int fd;

    if (!is_below(path, prefixes) || strstr(path, "/../"))
        return fail_set(why,
                        "maillog_file \"%s\" does not begin with a name in "
                        "maillog_file_prefixes = %s",
                        path, prefixes);
    fd = strcmp(path, "/dev/stdout") == 0 ? open_stdout(why) : open_file(path, mode, why);
    if (fd < 0)
        return fail_prefix(why, "maillog_file");
    *file = (struct logfile){.fd = fd};
    return 0;
}

static bool write_line(const struct logfile *file, char *line, size_t n)
{
    ssize_t done;

    line[n] = '\n';
    do
        done = write(file->fd, line, n + 1);
    while (done < 0 && errno == EINTR);
    return done == (ssize_t)n + 1;
}

static void tell_loss(struct logfile *file)
{
    char text[100], line[LINE_SIZE];

    snprintf(text, sizeof(text), "warning: %lu log lines were lost before this one",
             file->lost);
    if (write_line(file, line, log_file_form(line, sizeof(line), text)))
        file->lost = 0;
}

void logfile_append(struct logfile *file, struct str line)
{
    char copy[LINE_SIZE];
    size_t n;

    line = str_trim_right(line);
    n = line.n < sizeof(copy) ? line.n : sizeof(copy) - 1;
    for (size_t i = 0; i < n; i++) /* a NUL would end the text */
        copy[i] = line.p[i] ? line.p[i] : '?';
    copy[n] = '\0';
    log_make_printable(copy);
    if (file->lost > 0)
        tell_loss(file);
    if (file->lost > 0 || !write_line(file, copy, n))
        file->lost++;
}

int logfile_mode(const char *text, mode_t *ret, struct fail *why)
{
    static const struct {
        const char *text;
        mode_t mode;
    } modes[] = {{"0600", 0600}, {"0640", 0640}, {"0644", 0644}};

    for (size_t i = 0; i < COUNT(modes); i++) {
        if (strcmp(text, modes[i].text) == 0) {
            *ret = modes[i].mode;
            return 0;
        }
    }
    return fail_set(why, "maillog_file_permissions: bad value \"%s\"", text);
}
