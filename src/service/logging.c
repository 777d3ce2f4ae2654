/*
 * From main.cf to util/log. With maillog_file the lines go to postlogd's
 * socket in the queue directory; its path is absolute so that it holds before
 * and after the change of directory, and the socket is opened before any jail.
 */
#include "service/logging.h"

#include "util/log.h"
#include "util/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

enum { TAG_SIZE = 200, PATH_SIZE = 500, HOST_SIZE = 100 };

static const struct {
    const char *name;
    int code;
} facilities[] = {
    {"auth", LOG_AUTH},     {"authpriv", LOG_AUTHPRIV}, {"cron", LOG_CRON},
    {"daemon", LOG_DAEMON}, {"ftp", LOG_FTP},           {"kern", LOG_KERN},
    {"lpr", LOG_LPR},       {"mail", LOG_MAIL},         {"news", LOG_NEWS},
    {"security", LOG_AUTH}, {"syslog", LOG_SYSLOG},     {"user", LOG_USER},
    {"uucp", LOG_UUCP},     {"local0", LOG_LOCAL0},     {"local1", LOG_LOCAL1},
    {"local2", LOG_LOCAL2}, {"local3", LOG_LOCAL3},     {"local4", LOG_LOCAL4},
    {"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6},     {"local7", LOG_LOCAL7},
};

static int facility_code(const char *name)
{
    for (size_t i = 0; i < COUNT(facilities); i++)
        if (str_is_nocase(str_of(name), facilities[i].name))
            return facilities[i].code;
    return -1;
}

/* compat: what is called as the whole system has no second part. */
static void make_tag(char tag[TAG_SIZE], const char *system,
                     const struct logging_options *options)
{
    if (options->tag)
        snprintf(tag, TAG_SIZE, "%s", options->tag);
    else if (strcmp(system, options->program) == 0)
        snprintf(tag, TAG_SIZE, "%s", system);
    else
        snprintf(tag, TAG_SIZE, "%s/%s", system, options->program);
}

void logging_start(const struct logging_options *options)
{
    char tag[TAG_SIZE], path[PATH_SIZE];
    const char *name = getenv("MAIL_LOGTAG");
    const char *service = secure_getenv("POSTLOG_SERVICE");
    const char *host = secure_getenv("POSTLOG_HOSTNAME");

    make_tag(tag, name && *name ? name : "postfix", options);
    if (service)
        snprintf(path, sizeof(path), "public/%s", service);
    log_open(
        &(struct log_options){.tag = tag,
                              .facility = LOG_MAIL,
                              .syslog = service ? NULL : "/dev/log",
                              .postlog = service ? path : NULL,
                              .host = host ? host : "localhost",
                              .to_stderr = options->to_stderr,
                              .name = options->name ? options->name : options->program,
                              .verbose = options->verbose});
}

void logging_host(const struct conf *conf, char *ret, size_t size)
{
    struct str name = str_of(conf->myhostname);

    snprintf(ret, size, "%.*s", STR_ARG(str_head(name, str_find(name, '.'))));
}

/* What cannot be is told by postlogd, which makes the file as a rule. */
static mode_t file_mode(const struct conf *conf)
{
    return (mode_t)strtoul(conf->maillog_file_permissions, NULL, 8) & 0644;
}

void logging_configure(const struct conf *conf, const struct logging_options *options)
{
    char tag[TAG_SIZE], host[HOST_SIZE], postlog[PATH_SIZE];
    bool to_file = conf->maillog_file[0] != '\0';
    int facility = facility_code(conf->syslog_facility);

    if (facility < 0)
        fatal("syslog_facility: unknown facility \"%s\"", conf->syslog_facility);
    make_tag(tag, conf->syslog_name, options);
    logging_host(conf, host, sizeof(host));
    snprintf(postlog, sizeof(postlog), "%s/public/%s", conf->queue_directory,
             conf->postlog_service_name);
    log_open(&(struct log_options){.tag = tag,
                                   .facility = facility,
                                   .syslog = to_file ? NULL : "/dev/log",
                                   .postlog = to_file ? postlog : NULL,
                                   .fallback = to_file ? conf->maillog_file : NULL,
                                   .fallback_mode = file_mode(conf),
                                   .host = host,
                                   .to_stderr = options->to_stderr,
                                   .name = options->name  ? options->name
                                           : options->tag ? tag
                                                          : options->program,
                                   .verbose = options->verbose});
}
