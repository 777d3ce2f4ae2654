/*
 * What all commands share: their start, their configuration and log, and for
 * set-gid programs the shedding of whatever a hostile caller has prepared.
 *
 *     command_start(&command, "postcat");
 *     while ((option = getopt(...)))          -c and -v fill in command
 *     command_configure(&command);
 */
#ifndef COMMANDS_COMMAND_H
#define COMMANDS_COMMAND_H

#include "conf/conf.h"
#include "util/arena.h"

#include <stdbool.h>

struct command {
    const char *name; /* "postcat": in diagnostics, and in the log behind $syslog_name/ */
    const char *called;    /* on stderr instead of name: "mailq"; NULL = name */
    const char *tag;       /* for the log instead of that; NULL = that */
    bool unlogged;         /* what it says goes to stderr only */
    const char *directory; /* -c; NULL = $MAIL_CONFIG, else the default */
    int verbose;           /* number of -v */
    bool lenient;          /* go on with defaults where main.cf has bad values */
    bool quiet;            /* not to log what main.cf makes doubtful: told otherwise */
    int failure_status;    /* exit status of what goes wrong below; 0 = 1 */
    struct conf *conf;     /* after command_configure; never freed */
    struct arena *arena;   /* lives as long as the program */
};

/* First thing in main: descriptors 0 to 2 are open, diagnostics go to stderr and, unless
 * command->unlogged, to syslog. */
void command_start(struct command *command, const char *name);

/* The part of argv[0] behind the last slash; fallback when it is missing or empty. */
const char *command_called_as(int argc, char **argv, const char *fallback);

/*
 * Read main.cf, log what it warns about, then log as it says. What goes wrong ends the
 * program.
 */
void command_configure(struct command *command);

/*
 * Did all of standard output get where it should? Ask once, at the end. A write
 * that failed on the way counts, although nothing may be left to flush.
 */
bool command_output_is_whole(void);

/*
 * Options of a command that takes -c and -v only: where its words begin. Any other
 * option, or fewer than min or more than max words, ends it by usage.
 */
int command_words(struct command *command, int argc, char **argv, int min, int max,
                  void (*usage)(void));

/* The exit status of a program that fails for a reason of ours. */
int command_failure(const struct command *command);

/* Change to $queue_directory, or end the program. */
void command_enter_queue(const struct command *command);

/*
 * For set-gid programs, before anything else, command_start too: no environment but what
 * is known to be harmless, no blocked signals, no timers, no size limit signal, umask
 * 077. MAIL_CONFIG is taken into command->directory.
 */
void command_shed_environment(struct command *command);

/*
 * May this caller choose the configuration directory that command->directory
 * names? Root may; others may take those that the default main.cf lists in
 * alternate_config_directories or multi_instance_directories. Ends the program when not.
 */
void command_check_directory(struct command *command);

/* The user who runs the program, by real uid: login name, or "uid" digits when it has
 * none. */
const char *command_user(const struct command *command);

#endif
