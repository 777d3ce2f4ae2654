/* What service/ knows of its own process; programs don't include this. */
#ifndef SERVICE_STATE_H
#define SERVICE_STATE_H

#include "service/options.h"
#include "service/scoreboard.h"
#include "service/service.h"

struct service_state {
    struct service_options options;
    struct scoreboard *board; /* NULL = stand-alone */
    uint32_t slot, generation;
    int snapshot_fd; /* 0 = none was handed over; closed after the start */
    struct loop *loop;
    bool retiring; /* take no further clients */
    bool inet;     /* clients come by IP */
    bool pass;     /* another program has met them first */
    unsigned served;
    struct loop_timer *idle_timer;
    struct loop_timer *accept_pause; /* no client can be taken just now */
    void (*accept)(void *process, int listener, int events);
    int64_t idle_since_ms;
    struct arena *request_arena; /* ONE_CLIENT: its one client's */
    size_t clients;              /* MANY_CLIENTS: connected now */
    void *kind;                  /* of the code of one kind */
};

/* Seconds without progress that are too many. */
int service_time_limit(const struct process *process);

/* Has a table changed that only a new process can open? It is logged, and this one
 * retires. */
bool state_outdated(struct process *process);

/* One more client or request was served; true when $max_use is reached. */
bool state_count(struct process *process);
bool state_used_up(const struct process *process);
/*
 * Waiting for a client from now on. When none comes for $ipc_idle, the between hook is
 * called; after $max_idle without any client the process ends.
 */
void state_wait(struct process *process);
/* Tell the scoreboard, and master when it must know. */
void state_idle(struct process *process);
void state_busy(struct process *process);

/* Watch all listening sockets. accept(process, listener) is called when one is ready. */
int state_watch_listeners(struct process *process,
                          void (*accept)(void *process, int listener, int events),
                          struct fail *why) MUST_CHECK;
void state_unwatch_listeners(struct process *process);
/* Take a connection; -1 = there is none (any more), which is no fault. */
int state_accept(struct process *process, int listener, struct netaddr *ret_peer);

/* Services of type pass: trade the connection for the client that comes over it. Closes
 * fd in any case. */
struct passed_client {
    int fd;
    struct netaddr peer, local;
};
int pass_receive(struct process *process, int fd, struct passed_client *ret,
                 struct fail *why) MUST_CHECK;

/*
 * Read one request by name and let its owner answer it. 1 = answered (the answer is in
 * the output of the stream), 0 = the peer is gone, -1 = the connection must end.
 */
int request_answer(struct client *client, struct fail *why) MUST_CHECK;

/* The kinds: set up on the loop. */
int one_client_start(struct process *process, struct fail *why) MUST_CHECK;
int many_clients_start(struct process *process, struct fail *why) MUST_CHECK;
int events_start(struct process *process, struct fail *why) MUST_CHECK;
/* Take the datagrams that wait already. */
void events_drain(struct process *process);
/* Called once, when the process begins to retire. */
void many_clients_retire(struct process *process);

/* Serve standard input, then return (one client). */
void one_client_stand_alone(struct process *process);

#endif
