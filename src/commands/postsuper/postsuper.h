/*
 * What the files of postsuper share: the run, its counters, and what is done
 * to one message.
 */
#ifndef COMMANDS_POSTSUPER_H
#define COMMANDS_POSTSUPER_H

#include "commands/command.h"
#include "queue/spool.h"

#include <signal.h>

enum action {
    ACTION_REQUEUE, /* in the order in which their numbers are told */
    ACTION_DELETE,
    ACTION_EXPIRE, /* -e */
    ACTION_HOLD,
    ACTION_RELEASE,
    ACTIONS,
    ACTION_EXPIRE_RELEASE = ACTIONS, /* -f: both, for what is in hold */
};

/* What is done, to one id, or to all messages of the directories. */
struct order {
    enum action action;
    const char *id; /* "ALL", "-", or a queue id */
};

struct run {
    struct command command;
    struct spool spool;
    struct order *orders;
    size_t n;
    const char *const
        *directories; /* of the command line, NULL at the end; none = each action's own */
    bool purge, structure; /* -p, -s */
    sigset_t stops;        /* signals that end us, blocked and asked for between files */

    unsigned long done[ACTIONS];
    bool wanted[ACTIONS];
    unsigned long renamed;
};

/* Is it the name of a draft that has no id yet: "123456.789"? */
bool name_is_temporary(const char *name);

/* Carry out one order. */
void order_run(struct run *run, const struct order *order);
/* The totals of all actions that were asked for. */
void order_totals(const struct run *run);

/* Has one of run->stops come? Then say what it means for the queue, and end the program.
 */
void run_stop_when_told(const struct run *run, bool incomplete);

/*
 * -s and -p over the given directories, NULL at the end: files back into the hash
 * directory that their name asks for, names that match the inode again, old temporary
 * files away.
 */
void structure_run(struct run *run, const char *const *directories);

#endif
