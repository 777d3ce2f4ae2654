/*
 * The one skeleton of all daemons: from the sockets that master hands over to
 * calls of the program's own functions.
 *
 * service_run does, in this order: options, configuration, log, before_jail,
 * chroot and setuid, after_jail, serve until idle ($max_idle), used up
 * ($max_use) or told to retire by master, before_exit. A program's main is one
 * call of it with a constant struct service.
 */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include "conf/conf.h"
#include "ipc/message.h"
#include "net/netaddr.h"
#include "util/arena.h"
#include "util/loop.h"
#include "util/stream.h"

enum service_kind {
    SERVICE_ONE_CLIENT,   /* one connection at a time, blocking code */
    SERVICE_MANY_CLIENTS, /* one process for all, on a loop */
    SERVICE_TRIGGER,      /* connections that carry a few bytes and no answer */
    SERVICE_DATAGRAM,     /* unix-dgram: one packet a call */
    SERVICE_LOOP, /* the program runs on the loop by itself (qmgr): start() sets it up */
};

/* The state of one daemon process; passed to every callback. */
struct process {
    const struct service *service;
    const char *name;    /* of the service in master.cf: "smtp", "submission" */
    const char *program; /* "smtpd" */
    const struct conf *conf;
    struct arena *arena;     /* lives as long as the process */
    struct loop *loop;       /* all kinds but SERVICE_ONE_CLIENT */
    const char *const *argv; /* words of master.cf after the command that are not service
                                options, NULL at the end */
    size_t argc;
    bool privileged;  /* started as root and master.cf says unpriv = n */
    bool stand_alone; /* -S: the one client is standard input, with its rights */
    void *state;      /* the program's own, set in before_jail or after_jail */
    const struct maps *status_filter; /* of delivery agents: deliver/filter.h */
    struct service_state *own;        /* of service/ only */
};

/* One connected client. */
struct client {
    struct process *process;
    struct stream *stream;
    struct arena *arena;  /* request arena: reset after each request */
    struct netaddr peer;  /* inet services; NETADDR_UNIX or NONE for unix sockets */
    struct netaddr local; /* the address that the client connected to */
    void *state; /* of the program, for clients that live longer (many clients); */
    void (*gone)(
        struct client *client); /* called before the stream is closed, when set */
    /*
     * Many clients: a request sets it whose answer is the last message of the
     * connection. Once that is out, the descriptor is the program's, non-blocking, with
     * what came behind the request. The process still counts the client until
     * service_let_go.
     */
    void (*handed_over)(struct client *client, int fd, struct str rest);
};

/* Answers one named request: reads its fields with ipc_receive, puts the reply. -1 costs
 * the client its connection. */
struct request {
    const char *name;
    int (*answer)(struct client *client, struct fail *why);
};

struct service {
    const char *name; /* program name, also of its protocol: "bounce" */
    enum service_kind kind;

    /* Set-up; all may be NULL. -1 ends the process with "fatal: <why>". */
    int (*before_jail)(struct process *process,
                       struct fail *why); /* as root, outside the chroot */
    int (*after_jail)(struct process *process, struct fail *why);
    void (*before_exit)(struct process *process);

    /* Exactly one of these, by kind: */
    const struct request *requests; /* ONE or MANY clients that speak ipc/messages.h */
    void (*serve)(
        struct client *client); /* ONE_CLIENT with another protocol: the whole session */
    void (*trigger)(struct process *process, struct str bytes);   /* TRIGGER and LOOP */
    void (*datagram)(struct process *process, struct str packet); /* DATAGRAM */
    /* LOOP, in place of trigger: each connection, whose descriptor is the program's. */
    void (*connection)(struct process *process, int fd, const struct netaddr *peer);

    /* LOOP: no further connections come, and master wants the process to end. The program
     * ends what it has begun and stops the loop; NULL = it is stopped at once. */
    void (*retire)(struct process *process);

    /* Between two clients, and again when $ipc_idle passed without one (one client): for
     * closing kept connections that were idle for $ipc_idle. Many clients: before each
     * batch of requests. True = exit now (many clients: after answering), a fresh process
     * comes. */
    bool (*between)(struct process *process);

    /* One client: before a client is taken, and before each request of one that stays.
     * The name of a lookup table that has changed and cannot be opened again here, or
     * NULL; the process then ends, and the client or request is for another. */
    const char *(*outdated)(struct process *process);

    /* Without progress for this long the process ends; NULL = $daemon_timeout. */
    int (*time_limit)(const struct conf *conf);

    unsigned flags;
};

enum service_flags {
    SERVICE_NEEDS_ROOT = 1, /* refuses to run with unpriv = y (local, virtual, pipe) */
    SERVICE_SOLE = 2,       /* exactly one process: maxproc must be 1 (qmgr) */
    SERVICE_UNLIMITED = 32, /* maxproc must be 0: others wait for it while they hold what
                               its clients wait for (cleanup) */
    SERVICE_FOREVER =
        4, /* ignores max_use and max_idle (qmgr, trivial-rewrite keeps max_idle) */
    SERVICE_TAKES_FDS = 8,    /* requests carry descriptors: stream_take_fd */
    SERVICE_STAND_ALONE = 16, /* -S: serve() one client at standard input, no master; what
                                 answers requests has serve for this only */
};

/* Never returns a failure: what ends a daemon ends it with a log line and status 1. */
int service_run(const struct service *service, int argc, char **argv);

/* The loop's owner (LOOP kind) asks whether master wants it to end; then it finishes and
 * returns. */
bool service_retiring(const struct process *process);

/* A connection that was handed over has ended. */
void service_let_go(struct process *process);

/* The configuration as it is with one setting more, "stress=yes"; for before_jail. */
struct conf *service_conf_with(const struct process *process, const char *setting,
                               struct fail *why) MUST_CHECK;

/*
 * From retire(), when what was begun takes its time: master's child ends here, and with
 * it its place in the process limit, so that a new process can serve the sockets; this
 * call returns in a copy of it that has none of them, and ends with master. False: there
 * is no copy.
 */
bool service_detach(struct process *process);

/* Take no further clients; exit when those that are here are served. */
void service_retire(struct process *process);

#endif
