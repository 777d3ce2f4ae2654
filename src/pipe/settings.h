/* What the line of master.cf says after "pipe": attributes, and the command. */
#ifndef PIPE_SETTINGS_H
#define PIPE_SETTINGS_H

#include "conf/conf.h"
#include "deliver/deliver.h"
#include "util/ids.h"

/* flags= beyond those of copy_message (deliver/copy.h). */
enum pipe_flag {
    PIPE_FOLD_HOST = 1, /* h */
    PIPE_FOLD_USER = 2, /* u */
    PIPE_QUOTE = 4,     /* q: addresses in arguments are in external form */
    PIPE_FINAL = 8,     /* X: this is the end of the mail's way */
};

struct settings {
    unsigned copy;  /* enum copy_flags */
    unsigned flags; /* enum pipe_flag */
    struct rights rights;
    const char *root;        /* chroot=, or NULL */
    const char *directory;   /* or NULL */
    const char *null_sender; /* stands for the null sender */
    const char *line_end;
    long long size_limit;    /* of the message; 0 = none */
    int time_limit;          /* seconds */
    const char *const *argv; /* with macros, NULL at the end */
};

/*
 * words: those of master.cf, ended by NULL. Users and groups are looked up.
 * Texts live in arena or are those of words. *why says what is wrong with which word.
 */
int settings_parse(const char *const *words, const struct conf *conf, const char *service,
                   struct arena *arena, struct settings *ret,
                   struct fail *why) MUST_CHECK;

#endif
