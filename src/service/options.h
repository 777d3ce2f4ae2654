/*
 * The command line of a daemon, as master makes it (formats.md: options of
 * children) with the words of master.cf behind it:
 *
 *     CMD [-l|-z] [-n NAME] -t TYPE [-d] [-D] [-v] [-u] [-c] [-s NSOCK] [-o name=value]
 * [words]
 */
#ifndef SERVICE_OPTIONS_H
#define SERVICE_OPTIONS_H

#include "util/arena.h"
#include "util/attributes.h"
#include "util/fail.h"
#include "util/list.h"

struct service_options {
    const char *name;       /* -n; else the program's name */
    const char *type;       /* -t: "inet", "unix", ...; "unix" when not given */
    bool sole;              /* -l: master.cf allows one process */
    bool unlimited;         /* -z */
    bool drop;              /* -u: become $mail_owner */
    bool jail;              /* -c: chroot to $queue_directory */
    bool stand_alone;       /* -S: no master, the client is standard input */
    bool to_stderr;         /* -V: log to standard error as well */
    bool debug;             /* -D: run debugger_command first */
    int verbose;            /* number of -v */
    unsigned sockets;       /* -s: listening sockets, from SCOREBOARD_LISTEN_FD on */
    struct texts overrides; /* -o */
    struct texts words;     /* the rest */
};

/* argv[0] is skipped. All texts are those of argv. */
int service_options_parse(int argc, char **argv, const char *program, struct arena *arena,
                          struct service_options *ret, struct fail *why) MUST_CHECK;

#endif
