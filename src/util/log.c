/*
 * The log. A line costs one system call, the send: the process id and the time
 * zone are read once, and the time comes from the vDSO. Nothing here waits and
 * nothing here fails; a line that cannot be sent is counted, and the count is
 * logged when sending works again.
 *
 * Text is made safe here, in one place, so that callers can log what peers
 * sent without care for terminals and log readers.
 */
#include "util/log.h"

#include "util/clock.h"
#include "util/format.h"

#include "util/str.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum {
    TEXT_MAX = 2000, /* compat: longer lines are cut here */
    LINE_MAX_SIZE = TEXT_MAX + 600,
    TAG_MAX = 200,
    HOST_MAX = 255,
    PATIENCE_MS = 500, /* for a full socket ... */
    REST_MS = 10000,   /* ... and how long not again after that was in vain */
};

/* The one piece of process-wide state of the tree. */
static struct {
    char tag[TAG_MAX + 1];
    char name[TAG_MAX + 1];
    char host[HOST_MAX + 1];
    char *fallback;
    mode_t fallback_mode;
    int facility;
    bool opened, to_stderr, is_postlog;
    int verbose;
    int fd; /* of the socket; valid when has_socket */
    bool has_socket;
    struct sockaddr_un address; /* of the log daemon; sun_family 0 = none */
    unsigned long lost;
    int64_t patient_from_ms; /* until then a full socket is not waited for */
    pid_t pid;
    time_t second;  /* that stamp shows */
    char stamp[16]; /* "Nov  9 03:51:21" */
    void (*sink)(void *context, enum log_level level, const char *text);
    void *sink_context;
} state;

static const struct {
    const char *prefix;
    int severity;
} levels[] = {
    [LOG_LEVEL_INFO] = {"", LOG_INFO},
    [LOG_LEVEL_WARNING] = {"warning: ", LOG_WARNING},
    [LOG_LEVEL_ERROR] = {"error: ", LOG_ERR},
    [LOG_LEVEL_FATAL] = {"fatal: ", LOG_CRIT},
    [LOG_LEVEL_PANIC] = {"panic: ", LOG_CRIT},
};

static void after_fork(void)
{
    state.pid = getpid();
}

static void close_socket(void)
{
    if (state.has_socket)
        close(state.fd);
    state.has_socket = false;
}

/* A descriptor below 3 would be taken for stdin, stdout or stderr. */
static int above_stderr(int fd)
{
    int moved;

    if (fd < 0 || fd > 2)
        return fd;
    moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    close(fd);
    return moved;
}

/* Connect to the log daemon; false with errno when it does not answer. */
static bool open_socket(void)
{
    const struct timeval patience = {.tv_usec = PATIENCE_MS * 1000};
    int fd;

    close_socket();
    if (state.address.sun_family == 0)
        return false;
    fd = above_stderr(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    state.fd = fd;
    state.has_socket = true;
    if (connect(fd, (const struct sockaddr *)&state.address, sizeof(state.address)) == 0)
        return true;
    close_socket();
    return false;
}

static void set_address(const char *path)
{
    memset(&state.address, 0, sizeof(state.address));
    if (path == NULL || strlen(path) >= sizeof(state.address.sun_path))
        return;
    state.address.sun_family = AF_UNIX;
    memcpy(state.address.sun_path, path, strlen(path));
}

static void set_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

void log_open(const struct log_options *options)
{
    const char *slash = options->tag ? strrchr(options->tag, '/') : NULL;
    const char *last = slash ? slash + 1 : options->tag;
    const struct sockaddr_un before = state.address;

    if (state.pid == 0)
        pthread_atfork(NULL, NULL, after_fork);
    state.pid = getpid();
    tzset();
    set_text(state.tag, sizeof(state.tag), options->tag);
    set_text(state.name, sizeof(state.name), options->name ? options->name : last);
    set_text(state.host, sizeof(state.host), options->host);
    free(state.fallback);
    state.fallback = options->fallback ? strdup(options->fallback) : NULL;
    state.fallback_mode = options->fallback_mode ? options->fallback_mode : 0600;
    state.facility = options->facility;
    state.to_stderr = options->to_stderr;
    state.verbose = options->verbose;
    state.is_postlog = options->postlog != NULL;
    state.opened = true;
    set_address(state.is_postlog ? options->postlog : options->syslog);
    state.patient_from_ms = 0;
    /* Programs begin twice: before and after main.cf is read, mostly with one address. */
    if (!state.has_socket || memcmp(&before, &state.address, sizeof(before)) != 0)
        open_socket();
}

int log_fd(void)
{
    return state.has_socket ? state.fd : -1;
}

bool log_verbose(void)
{
    return state.verbose > 0;
}

void log_divert(void (*sink)(void *context, enum log_level level, const char *text),
                void *context)
{
    state.sink = sink;
    state.sink_context = context;
}

/* --- text ------------------------------------------------------------------ */

/* C0 and C1 controls and DEL. */
static bool is_control(const unsigned char *p, size_t n)
{
    return n == 1 ? p[0] < 0x20 || p[0] == 0x7f : n == 2 && p[0] == 0xc2 && p[1] < 0xa0;
}

/* How many bytes at the start of text are such. */
static size_t ascii_printable(const char *text)
{
    size_t n = 0;

    while (text[n] >= 0x20 && text[n] < 0x7f)
        n++;
    return n;
}

void log_make_printable(char *text)
{
    struct str rest = str_of(text);

    while (rest.n > 0) {
        size_t n = ascii_printable(rest.p);
        char *p = text + (rest.p - text);

        if (n > 0) { /* all of nearly every line */
            rest = str_tail(rest, n);
            continue;
        }
        n = str_utf8_length(rest);

        if (n == 0 || is_control((const unsigned char *)p, n)) {
            n = n ? n : 1;
            memset(p, '?', n);
        }
        rest = str_tail(rest, n);
    }
}

/* Drop a character that the cut at TEXT_MAX left incomplete. */
static void trim_partial_character(char *text, size_t n)
{
    for (size_t back = 1; back <= 3 && back < n; back++) {
        if (((unsigned char)text[n - back] & 0xc0) == 0x80)
            continue;
        if (str_utf8_length(str_from(text + n - back, back)) == 0)
            text[n - back] = '\0';
        return;
    }
}

static void compose(char text[TEXT_MAX + 1], enum log_level level, const char *format,
                    va_list args) PRINTF_LIKE(3, 0);

static void compose(char text[TEXT_MAX + 1], enum log_level level, const char *format,
                    va_list args)
{
    size_t at = strlen(levels[level].prefix);
    int n;

    memcpy(text, levels[level].prefix, at + 1);
    n = format_va(text + at, TEXT_MAX + 1 - at, format, args);
    if (n > 0 && (size_t)n > TEXT_MAX - at)
        trim_partial_character(text, TEXT_MAX);
    log_make_printable(text);
}

/* The second that it is, as RFC 3164 writes it. Most lines share it with the one before.
 */
static const char *stamp(void)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = time(NULL);
    struct tm tm;

    if (now != state.second || state.stamp[0] == '\0') {
        state.second = now;
        localtime_r(&now, &tm); /* after tzset: reads no file */
        format_text(state.stamp, sizeof(state.stamp), "%.3s %2d %02d:%02d:%02d",
                    months + 3 * tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    }
    return state.stamp;
}

static size_t fitted(int n, size_t size)
{
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

size_t log_file_form(char *p, size_t size, const char *text)
{
    enum { DAY = 4 }; /* where it stands in a stamp; here it has a zero in front */
    int n = format_text(p, size, "%s %s %s[%d]: %s", stamp(), state.host, state.tag,
                        (int)state.pid, text);

    if (n > DAY && size > DAY && p[DAY] == ' ')
        p[DAY] = '0';
    return fitted(n, size);
}

/* RFC 3164 section 4.1, without the host name: the syslog socket adds it. */
static size_t syslog_form(char *p, size_t size, enum log_level level, const char *text)
{
    int n =
        format_text(p, size, "<%d>%s %s[%d]: %s", state.facility | levels[level].severity,
                    stamp(), state.tag, (int)state.pid, text);

    return fitted(n, size);
}

/* --- sending --------------------------------------------------------------- */

/*
 * Linux queues no more than net.unix.max_dgram_qlen datagrams, often 10, so a
 * burst from many processes finds the socket full although its reader is well:
 * measured, 20 sessions lose lines without a wait. A reader that is not well
 * costs one wait in REST_MS.
 */
static bool send_once(const char *line, size_t n)
{
    int flags = MSG_NOSIGNAL;

    if (!state.has_socket)
        return false;
    if (state.patient_from_ms > 0 && clock_ms(&clock_system) < state.patient_from_ms)
        flags |= MSG_DONTWAIT;
    if (send(state.fd, line, n, flags) >= 0)
        return true;
    if (errno == EAGAIN && !(flags & MSG_DONTWAIT)) {
        state.patient_from_ms = clock_ms(&clock_system) + REST_MS;
        errno = EAGAIN;
    }
    return false;
}

/* A log daemon that restarted has a new socket under the old name. */
static bool send_line(const char *line, size_t n)
{
    if (send_once(line, n))
        return true;
    if (state.has_socket && (errno == EAGAIN || errno == ENOBUFS || errno == EMSGSIZE))
        return false;
    return open_socket() && send_once(line, n);
}

/* A new file has the rights that were asked for, whatever our umask. */
static int open_fallback(void)
{
    const int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
    int fd = open(state.fallback, flags | O_CREAT | O_EXCL, 0600);

    if (fd < 0)
        return errno == EEXIST ? open(state.fallback, flags) : -1;
    if (fchmod(fd, state.fallback_mode) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The mail system is down, so nobody answers postlog: root writes the file itself. */
static bool append_to_file(const char *line, size_t n)
{
    char whole[LINE_MAX_SIZE + 1];
    bool written;
    int fd;

    if (state.fallback == NULL || geteuid() != 0)
        return false;
    fd = open_fallback();
    if (fd < 0)
        return false;
    memcpy(whole, line, n);
    whole[n] = '\n';
    written = write(fd, whole, n + 1) == (ssize_t)n + 1;
    close(fd);
    return written;
}

static bool deliver(enum log_level level, const char *text)
{
    char line[LINE_MAX_SIZE];
    size_t n;

    if (state.address.sun_family == 0)
        return true; /* nobody to tell */
    if (!state.is_postlog) {
        n = syslog_form(line, sizeof(line), level, text);
        return send_line(line, n);
    }
    n = log_file_form(line, sizeof(line), text);
    return send_line(line, n) || append_to_file(line, n);
}

static void report_loss(void)
{
    char text[100];

    snprintf(text, sizeof(text), "warning: %lu log lines were lost before this one",
             state.lost);
    if (deliver(LOG_LEVEL_WARNING, text))
        state.lost = 0;
}

static void show_on_stderr(const char *text)
{
    const char *name = state.opened ? state.name : program_invocation_short_name;
    char line[LINE_MAX_SIZE];
    size_t n = fitted(snprintf(line, sizeof(line), "%s: %s\n", name, text), sizeof(line));
    ssize_t ignored = write(STDERR_FILENO, line, n);

    (void)ignored;
}

static void send_off(enum log_level level, const char *text)
{
    if (state.sink != NULL) {
        state.sink(state.sink_context, level, text);
        return;
    }
    if (state.to_stderr || !state.opened)
        show_on_stderr(text);
    if (state.lost > 0)
        report_loss();
    if (state.lost > 0 || !deliver(level, text))
        state.lost++;
}

static void put(enum log_level level, const char *format, va_list args) PRINTF_LIKE(2, 0);

static void put(enum log_level level, const char *format, va_list args)
{
    int saved = errno;
    char text[TEXT_MAX + 1];

    compose(text, level, format, args);
    send_off(level, text);
    errno = saved;
}

void log_info(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put(LOG_LEVEL_INFO, format, args);
    va_end(args);
}

void log_warning(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put(LOG_LEVEL_WARNING, format, args);
    va_end(args);
}

void log_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put(LOG_LEVEL_ERROR, format, args);
    va_end(args);
}

void log_at(enum log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put(level, format, args);
    va_end(args);
}

void fatal(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put(LOG_LEVEL_FATAL, format, args);
    va_end(args);
    exit(EXIT_FAILURE);
}

void fatal_status(int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put(LOG_LEVEL_FATAL, format, args);
    va_end(args);
    exit(status);
}

void panic(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put(LOG_LEVEL_PANIC, format, args);
    va_end(args);
    abort();
}
