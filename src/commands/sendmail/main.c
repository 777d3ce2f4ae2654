/*
 * sendmail(1), mailq(1), newaliases(1): the interface that programs on Unix
 * know since Sendmail. It has no rights of its own: mail goes to postdrop, which is
 * set-gid, and all else to the program that does it.
 *
 * Reading order: main.c (which mode), options.c (the command line), mail.c (a
 * message), recipients.c (who gets it).
 */
#include "commands/access.h"
#include "commands/sendmail/sendmail.h"
#include "util/log.h"

#include <stdlib.h>
#include <unistd.h>

/* Become another program of the mail system; words ends with NULL. */
static void become(const struct sendmail *sendmail, const char *directory,
                   const char *const *words)
{
    const char *path =
        arena_printf(sendmail->command.arena, "%s/%s", directory, words[0]);

    execv(path, (char *const *)words);
    fatal_status(EX_TEMPFAIL, "execute %s: %m", path);
}

/* compat: init scripts are told 0, whether or not the mail system runs already. */
static void start_mail_system(const struct sendmail *sendmail)
{
    static const char *const words[] = {"postfix", "start", NULL};
    pid_t pid = fork();

    if (pid < 0)
        fatal_status(EX_TEMPFAIL, "fork: %m");
    if (pid == 0)
        become(sendmail, sendmail->command.conf->command_directory, words);
}

/* newaliases: postalias with all of $alias_database, or what -oA names. */
static void rebuild_aliases(struct sendmail *sendmail)
{
    struct texts words = {0};
    const char *databases = sendmail->alias_database
                                ? sendmail->alias_database
                                : sendmail->command.conf->alias_database;

    texts_add(&words, sendmail->command.arena, "postalias");
    texts_add(&words, sendmail->command.arena, "--");
    texts_split(&words, sendmail->command.arena, str_of(databases), ", \t\r\n");
    if (words.n > 2)
        become(sendmail, sendmail->command.conf->command_directory, words.items);
}

static void require_submitter(const struct sendmail *sendmail)
{
    access_require(&sendmail->command, "authorized_submit_users",
                   sendmail->command.conf->authorized_submit_users, "submit mail");
}

static void do_other(struct sendmail *sendmail)
{
    const struct conf *conf = sendmail->command.conf;
    const char *const mailq[] = {"postqueue", "-p", NULL},
                      *const flush[] = {"postqueue", "-f", NULL},
                      *const site[] = {"postqueue", "-s", sendmail->argument, NULL},
                      *const id[] = {"postqueue", "-i", sendmail->argument, NULL},
                      *const stand_alone[] = {"smtpd", "-S", NULL};

    switch (sendmail->mode) {
    case MODE_MAILQ:
        become(sendmail, conf->command_directory, mailq);
        break;
    case MODE_FLUSH:
        become(sendmail, conf->command_directory, flush);
        break;
    case MODE_FLUSH_SITE:
        become(sendmail, conf->command_directory, site);
        break;
    case MODE_FLUSH_ID:
        become(sendmail, conf->command_directory, id);
        break;
    case MODE_DAEMON:
        start_mail_system(sendmail);
        break;
    case MODE_STAND_ALONE:
        require_submitter(sendmail);
        become(sendmail, conf->daemon_directory, stand_alone);
        break;
    case MODE_ALIASES:
        rebuild_aliases(sendmail);
        break;
    default:
        break;
    }
}

int main(int argc, char **argv)
{
    struct sendmail sendmail = {.command.failure_status = EX_TEMPFAIL};

    sendmail.command.called = command_called_as(argc, argv, "sendmail");
    command_start(&sendmail.command, "sendmail");
    options_parse(&sendmail, argc, argv);
    /* for whoever does the work: postdrop, postqueue, ... */
    setenv("MAIL_CONFIG", sendmail.command.conf->config_directory, 1);
    if (sendmail.mode != MODE_MAIL) {
        do_other(&sendmail);
        return 0;
    }
    require_submitter(&sendmail);
    mail_send(&sendmail);
    return 0;
}
