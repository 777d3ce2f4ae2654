/*
 * What main.cf lets the user do who runs a command: authorized_submit_users and
 * its like, and local_login_sender_maps.
 */
#ifndef COMMANDS_ACCESS_H
#define COMMANDS_ACCESS_H

#include "commands/command.h"
#include "util/attributes.h"
#include "util/str.h"

/* The name of a user without one. */
#define ACCESS_NOBODY "unknown"

/*
 * End the program with "User joe(1000) is not allowed to <act>" unless the list (the
 * value of param) matches the login name of the real user; one without a login name is
 * "unknown". What cannot be looked up ends it as well.
 */
void access_require(const struct command *command, const char *param, const char *list,
                    const char *act);

/* Is the real user root or $mail_owner, to whom the queue is open anyway? */
bool access_owns_queue(const struct command *command);

/*
 * May the real user send as this envelope sender (internal form)? 1, 0, -1 = could not
 * find out. *why says what is wrong on 0 and -1.
 */
int access_sender(const struct command *command, struct str sender,
                  struct fail *why) MUST_CHECK;

#endif
