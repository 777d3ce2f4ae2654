/*
 * Commands that get mail: what local and pipe have in common, around
 * util/child. Both tell the same things in the same words.
 */
#ifndef DELIVER_COMMAND_H
#define DELIVER_COMMAND_H

#include "deliver/copy.h"
#include "util/child.h"

/* What every command finds in its environment: export_environment, and a PATH. */
void command_environment(const struct conf *conf, struct arena *arena, struct texts *ret);

/* The command line that begins with the word "argv=cmd", or "argv=" and "cmd". */
const char *const *command_words(const char *const *words, struct arena *arena);

/*
 * Run it with the message as input. The outcome of its end: DELIVERED with what it
 * said as text, one line, blanks around it gone; else by sysexits(3), by a status code
 * in its output, or what killed it. name: the command as reports show it.
 */
struct outcome command_deliver_to(const struct child_options *options,
                                  const struct copy *copy, const char *name);

#endif
