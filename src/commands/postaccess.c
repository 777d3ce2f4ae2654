/*
 * postaccess(8): may the user who runs this do what a parameter of main.cf limits?
 * sendmail, postdrop and postqueue ask it where such a limit is set. It has no rights
 * of its own; whoever runs it by hand learns what he may do.
 *
 *     postaccess [-c config_dir] [-v] authorized_submit_users
 *     postaccess [-c config_dir] [-v] local_login_sender_maps sender
 *
 * The exit status is the answer: 0 = yes, 1 = no, 75 = could not find out. Standard
 * output says why not.
 */
#include "commands/access_rules.h"
#include "util/log.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const struct {
    const char *param;
    size_t list; /* where struct conf has its value */
} lists[] = {
    {"authorized_submit_users", offsetof(struct conf, authorized_submit_users)},
    {"authorized_flush_users", offsetof(struct conf, authorized_flush_users)},
    {"authorized_mailq_users", offsetof(struct conf, authorized_mailq_users)},
};

static NO_RETURN void usage(void)
{
    fatal_status(EX_TEMPFAIL,
                 "usage: postaccess [-c config_dir] [-v] parameter [sender]");
}

static int decide(const struct command *command, const char *param, const char *sender,
                  struct fail *why)
{
    if (sender && strcmp(param, "local_login_sender_maps") == 0)
        return access_rules_sender(command, str_of(sender), why);
    for (size_t i = 0; !sender && i < COUNT(lists); i++)
        if (strcmp(param, lists[i].param) == 0)
            return access_rules_user(
                command, param,
                *(const char *const *)((const char *)command->conf + lists[i].list), why);
    usage();
}

int main(int argc, char **argv)
{
    struct command command = {.failure_status = EX_TEMPFAIL};
    struct fail why = {0};
    int allowed;

    command_start(&command, "postaccess");
    argv += command_words(&command, argc, argv, 1, 2, usage);
    command_configure(&command);
    allowed = decide(&command, argv[0], argv[1], &why);
    if (allowed != 1)
        printf("%s\n", why.text[0] ? why.text : "not allowed");
    if (!command_output_is_whole() || allowed < 0)
        return EX_TEMPFAIL;
    return allowed == 1 ? 0 : 1;
}
