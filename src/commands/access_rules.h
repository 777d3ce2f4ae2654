/*
 * What main.cf lets the real user do: the answers that commands/access.h brings to
 * those who ask. 1 = allowed, 0 = not, -1 = could not find out, *why says for what
 * reason.
 */
#ifndef COMMANDS_ACCESS_RULES_H
#define COMMANDS_ACCESS_RULES_H

#include "commands/access.h"

/* Does the list (the value of param) match the login name? */
int access_rules_user(const struct command *command, const char *param, const char *list,
                      struct fail *why) MUST_CHECK;

/* Does local_login_sender_maps allow this envelope sender? On 0 *why has the words. */
int access_rules_sender(const struct command *command, struct str sender,
                        struct fail *why) MUST_CHECK;

#endif
