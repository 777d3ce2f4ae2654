/*
 * Where a program's log lines go, as main.cf says: syslog_name,
 * syslog_facility, maillog_file. For daemons, master and commands alike.
 */
#ifndef SERVICE_LOGGING_H
#define SERVICE_LOGGING_H

#include "conf/conf.h"

struct logging_options {
    const char *program; /* "smtpd": the tag is $syslog_name/smtpd */
    const char *tag;     /* the whole tag, shown on stderr as well; NULL = as above */
    bool to_stderr;      /* also to stderr, as commands do */
    int verbose;
};

/* Before the configuration is known: tag from MAIL_LOGTAG or "postfix/PROGRAM", syslog.
 */
void logging_start(const struct logging_options *options);
/* Once it is. */
void logging_configure(const struct conf *conf, const struct logging_options *options);

#endif
