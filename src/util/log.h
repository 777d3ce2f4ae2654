/*
 * The log: one datagram a line.
 *
 * The one piece of process-wide state in util/. Until log_open, lines go to
 * stderr. A full log socket never stops mail: a line waits for at most half a
 * second, after that lines are counted instead of sent for some time, and the
 * loss is reported when the socket drains. Control characters and bytes that are
 * not valid UTF-8 are shown as '?', so that one event is one line; a line is
 * cut at 2000 bytes.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include "util/attributes.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum log_level {
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_FATAL,
    LOG_LEVEL_PANIC
};

struct log_options {
    const char *tag;      /* "postfix/smtpd"; copied */
    int facility;         /* syslog facility code, LOG_MAIL of syslog.h */
    const char *syslog;   /* path of the syslog socket, "/dev/log"; NULL = no syslog */
    const char *postlog;  /* path of the postlogd datagram socket; used instead of syslog;
                             NULL = none */
    const char *fallback; /* file that root appends to when postlog does not answer; NULL
                             = none */
    mode_t fallback_mode; /* of that file when it is new; 0 = 0600 */
    const char *host;     /* first label of myhostname, for file-form lines */
    bool to_stderr;       /* also "name: text" to stderr, as commands do */
    const char *name;     /* for stderr: "postmap"; NULL = the tag's last part */
    int verbose;          /* number of -v */
};

/*
 * Start logging as described; may be called again (reload). Sockets are
 * opened at once, before any chroot, and stay open. Failure to reach a socket
 * is no error: each line tries again.
 */
void log_open(const struct log_options *options);

/*
 * The file form of a line, as maillog_file holds it and as postlogd's
 * datagrams carry it: "Mmm dd hh:mm:ss HOST TAG[PID]: TEXT", no line end.
 * Returns its length, cut to size - 1.
 */
size_t log_file_form(char *p, size_t size, const char *text);

/* Show control characters and bytes that are not valid UTF-8 as '?', in place. */
void log_make_printable(char *text);

/* The descriptor of the log socket or -1, so that code that closes everything can spare
 * it. */
int log_fd(void);

/* True when -v was given; verbose lines are logged with log_info. */
bool log_verbose(void);

void log_info(const char *format, ...) PRINTF_LIKE(1, 2);
void log_warning(const char *format, ...) PRINTF_LIKE(1, 2); /* "warning: ..." */
void log_error(const char *format, ...) PRINTF_LIKE(1, 2);   /* "error: ..." */

/* At a level that only data tells (postlog); nothing ends. */
void log_at(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

/* The administrator must act: log "fatal: ...", exit 1. Only main, configuration load,
 * service/. */
void fatal(const char *format, ...) PRINTF_LIKE(1, 2) NO_RETURN;
/* As fatal, with another exit status (sysexits.h). */
void fatal_status(int status, const char *format, ...) PRINTF_LIKE(2, 3) NO_RETURN;
/* Our bug: log "panic: ...", abort. */
void panic(const char *format, ...) PRINTF_LIKE(1, 2) NO_RETURN;

/*
 * Called instead of sending, with each finished line ("warning: ..." for a
 * warning; no tag, no time): for tests, and for postlogd, which is its own
 * sink. Set back with NULL.
 */
void log_divert(void (*sink)(void *context, enum log_level level, const char *text),
                void *context);

#endif
