/*
 * Transports, their destinations, and what waits for them.
 *
 *   transport  a delivery service of master.cf: its limits, its agents
 *   destination  a next hop of a transport: how much may run at once
 *   job        a message at a transport
 *   peer       a batch of a message at a destination
 *   entry      recipients that go to an agent in one request
 *
 * A peer is awake (its job may choose it) or asleep (in the destination's
 * lineup, since the destination has no room). A job is in the transport's lineup
 * as long as it has an awake peer. So choosing what to deliver next costs no
 * search, however much waits.
 */
#ifndef QMGR_TRANSPORT_H
#define QMGR_TRANSPORT_H

#include "ipc/messages.h"
#include "qmgr/feedback.h"
#include "qmgr/lineup.h"
#include "qmgr/refill.h"

struct agent;

struct entry {
    struct entry *next;
    struct peer *peer;
    struct target **targets;
    size_t n;
};

struct peer {
    struct job *job;
    struct destination *destination;
    struct batch *batch;
    struct entry *entries;        /* that wait */
    size_t waiting;               /* their number */
    struct lineup_place asleep;   /* in the destination's lineup */
    struct peer *next, *previous; /* ring of the job's awake peers; NULL = not awake */
    struct peer *sibling, **from; /* all peers with waiting entries of the destination */
};

struct job {
    struct job *next; /* of the message */
    struct message *message;
    struct transport *transport;
    struct peer *awake;        /* ring; the next to be served */
    size_t waiting;            /* entries */
    struct lineup_place place; /* in the transport's lineup, when a peer is awake */
};

/* Why mail cannot go somewhere now. */
struct trouble {
    char *status, *reason; /* NULL = none */
};

struct destination {
    struct transport *transport;
    const char *name;    /* key: the next hop in lower case, or user@nexthop */
    const char *nexthop; /* as it is told to agents */
    struct window window;
    int busy;             /* entries at agents */
    size_t awake;         /* peers that are awake */
    struct peer *peers;   /* that have waiting entries */
    size_t waiting;       /* entries */
    struct lineup asleep; /* peers that wait for room */
    struct trouble dead;
    struct loop_timer
        *timer; /* the end of being dead, or of the pause after a delivery */
    bool paused;
};

struct transport {
    struct manager *manager;
    const char *name;
    struct arena *arena;
    struct map *destinations;
    struct lineup jobs; /* with awake peers */
    size_t recipients;  /* of all its entries, waiting or at agents */
    struct trouble dead;
    struct loop_timer *timer; /* the end of being dead, or of a pause */
    bool paused;

    /* parameters */
    int recipient_limit; /* of an entry; 0 = none */
    struct lineup_rules turns;
    struct refill_rules refill;
    int destination_pause, pause; /* seconds: ..._rate_delay */
    struct window_rules rules;

    /* agents (agent.c) */
    struct agent *agents, *idle; /* all; those that wait for work, the last used first */
    size_t pending;              /* connections that no agent took yet */
    struct loop_timer *sweep;    /* closes what is idle for long */
    struct loop_timer *again;    /* tries to connect again */
};

/* --- transport.c --------------------------------------------------------------- */

/* The transport of that name, made at first use. */
struct transport *transport_get(struct manager *manager, const char *name);
void transport_free(void *context); /* a struct transport, as map_free wants it */
/* Hand waiting entries to agents as far as there are both. */
void transport_run(struct transport *transport);
/* The service does not work: what waits is deferred, and what comes for a while. */
void transport_throttle(struct transport *transport, const char *status,
                        const char *reason);
void transport_unthrottle(struct transport *transport);
/* An agent is done with an entry. The words on trouble are "" when the destination is
 * fine. */
void entry_done(struct entry *entry, const struct delivered *answer);
/* The entry did not reach an agent: it waits again. */
void entry_return(struct entry *entry);
/* The agent vanished in the middle: nobody knows what it did. */
void entry_lost(struct entry *entry);

/* --- destination.c ------------------------------------------------------------- */

/* address: of the recipient, for transports with one recipient a delivery. */
struct destination *destination_get(struct transport *transport, const char *nexthop,
                                    const char *address);
/* Entries that may go to agents now, on top of the busy ones. */
size_t destination_room(const struct destination *destination);
/* Wake peers as far as there is room for them. */
void destination_wake(struct destination *destination);
/* A delivery has ended, well or with a sick destination. */
void destination_feedback(struct destination *destination, const char *trouble_status,
                          const char *trouble_reason);
/* Leave it alone for a while, unless there are too many of its kind to remember. */
void destination_throttle(struct destination *destination, const char *status,
                          const char *reason);
void destination_unthrottle(struct destination *destination);
/* Forget it when nothing depends on it. */
void destination_release(struct destination *destination);
void destination_free(struct destination *destination); /* whatever depends on it */

/* --- peer.c: entries that wait ------------------------------------------------- */

/* Queue targets (all of one batch and destination) for delivery. */
void peer_add(struct batch *batch, struct destination *destination,
              struct target **targets, size_t n);
/* Take the next entry of an awake peer. */
struct entry *peer_take(struct peer *peer);
/* Put an entry that was taken back in front. */
void peer_return(struct peer *peer, struct entry *entry);
void peer_wake(struct peer *peer);
void peer_sleep(struct peer *peer);
/* All entries of a peer leave for the service "retry", with this as the reason. */
void peer_evict(struct peer *peer, const struct trouble *trouble, const char *prefix);

/* --- agent.c ------------------------------------------------------------------- */

/* Take an idle agent, or NULL. */
struct agent *agent_idle(const struct transport *transport);
/* Begin to connect to one more, if few are pending. */
void agent_call(struct transport *transport);
/* Send the request; false when the queue file cannot be had (nothing was sent). */
bool agent_deliver(struct agent *agent, struct entry *entry, struct fail *why);
/* Close all connections. */
void agents_close(struct transport *transport);

static inline bool trouble_is(const struct trouble *trouble)
{
    return trouble->reason != NULL;
}
void trouble_set(struct trouble *trouble, const char *status, const char *reason);
void trouble_clear(struct trouble *trouble);

#endif
