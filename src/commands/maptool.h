/*
 * What postmap(1) and postalias(1) have in common: options, and the work on
 * the tables that they name.
 */
#ifndef COMMANDS_MAPTOOL_H
#define COMMANDS_MAPTOOL_H

#include "commands/command.h"
#include "table/index.h"

enum maptool_action {
    MAPTOOL_BUILD,
    MAPTOOL_ADD,    /* -i: entries from standard input */
    MAPTOOL_QUERY,  /* -q */
    MAPTOOL_DELETE, /* -d */
    MAPTOOL_LIST,   /* -s */
};

/* Parts of a message that are keys, for -q - */
enum { MAPTOOL_HEADER = 1, MAPTOOL_BODY = 2, MAPTOOL_MIME = 4 };

struct maptool {
    struct command command;
    enum maptool_action action;
    struct index_options index; /* syntax is the caller's; the rest are options */
    const char *key;            /* of -q and -d; "-" = lines of standard input */
    unsigned parts;             /* 0 = keys are plain lines */
    int utf8;                   /* 1 = -U, 0 = -u, -1 = as main.cf says */
    bool json;                  /* -j */
    const char *const *names;   /* "type:name" or "name" */
    size_t n_names;
    struct table **opened; /* for each name; NULL until its turn comes */

    struct tables *tables; /* from here on: of maptool_run */
    struct arena *arena;   /* of one lookup */
};

/*
 * Fill in from the command line. letters are those that the program knows
 * ("bc:d:..."); usage is what to say when it knows them not. Ends the program.
 */
void maptool_parse(struct maptool *tool, int argc, char **argv, const char *letters,
                   const char *usage);
/* Do it; the exit status. */
int maptool_run(struct maptool *tool);

/* Ask all tables for key in turn, print what the first that knows it says. */
bool maptool_ask(struct maptool *tool, struct str key, bool echo_key);

/* maptool_message.c: each header or body line of the message on standard input is a key;
 * true when one was found. */
bool maptool_ask_message(struct maptool *tool);

#endif
