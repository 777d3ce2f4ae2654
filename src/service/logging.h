/*
 * Where a program's log lines go, as main.cf says: syslog_name,
 * syslog_facility, maillog_file. For daemons, master and commands alike.
 */
#ifndef SERVICE_LOGGING_H
#define SERVICE_LOGGING_H

#include "conf/conf.h"

struct logging_options {
    const char *program; /* "smtpd": the tag is $syslog_name/smtpd */
    const char *name;    /* on stderr: "mailq"; NULL = program, or tag */
    const char *tag;     /* the whole tag, shown on stderr as well; NULL = as above */
    bool to_stderr;      /* also to stderr, as commands do */
    int verbose;
};

/*
 * Before the configuration is known: tag from MAIL_LOGTAG or "postfix/PROGRAM", syslog;
 * or, when master has put POSTLOG_SERVICE and POSTLOG_HOSTNAME into the environment,
 * postlogd, whose socket is then found from the queue directory, where master starts us.
 */
void logging_start(const struct logging_options *options);
/* Once it is. */
void logging_configure(const struct conf *conf, const struct logging_options *options);

/* The name of the host as lines of the log file have it. */
void logging_host(const struct conf *conf, char *ret, size_t size);

#endif
