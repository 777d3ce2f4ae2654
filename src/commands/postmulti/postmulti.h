/*
 * postmulti(1): several mail systems on one machine, which share programs.
 *
 * The primary instance is the one in the default configuration directory; its main.cf
 * lists the configuration directories of the others.
 */
#ifndef POSTMULTI_POSTMULTI_H
#define POSTMULTI_POSTMULTI_H

#include "commands/command.h"
#include "util/list.h"

struct instance {
    const char *directory; /* of its configuration */
    const char *name, *group;
    const char *queue, *data;
    bool enabled;
    bool primary;
};

struct multi {
    struct command command;
    bool managed; /* "postmulti -e init" was there */
    struct instance *instances;
    size_t n;
    /* what is asked for */
    char mode;                        /* 'l', 'p', 'x' or 'e' */
    const char *action;               /* of -e */
    const char *instance, *group;     /* -i, -g; NULL = all */
    const char *new_name, *new_group; /* -I, -G */
    bool all, json, reverse;
    char **arguments;
};

/* --- instances.c --- */

/* Read the primary's list, and main.cf of each. */
void instances_read(struct multi *multi);
struct instance instance_read(struct multi *multi, const char *directory, bool primary);
/* Is it the one that name means: its name, its directory, or "-" for the primary? */
bool instance_is(const struct instance *instance, const char *name);
/* The one that -i names; ends the program without one. */
const struct instance *instance_chosen(const struct multi *multi);

/* --- iterate.c: -l, -p, -x; the exit status --- */

int iterate_list(struct multi *multi);
int iterate_postfix(struct multi *multi);
int iterate_command(struct multi *multi);

/* --- lifecycle.c: -e --- */

int lifecycle(struct multi *multi);

/* --- remove.c --- */

/* Remove what the mail system has made for an instance; warns of what stays. */
void instance_remove_files(const struct instance *instance);
/* No message in any queue? */
bool instance_queue_is_empty(const struct instance *instance);

#endif
