/*
 * A message in the active queue, and the recipients of it that are in memory.
 *
 * Recipients come from the queue file in batches; a batch's memory is released
 * when its last recipient has an outcome. A message is finished (finish.h) when
 * no recipient is left in memory nor unread in the file.
 */
#ifndef QMGR_MESSAGE_H
#define QMGR_MESSAGE_H

#include "qmgr/manager.h"
#include "queue/envelope.h"

struct destination;
struct job;

/* A recipient on its way to a destination. */
struct target {
    struct recipient *recipient;
    struct batch *batch;
    const char *transport, *nexthop; /* as resolved; NULL = not yet */
    int flags;                       /* enum resolve_class */
    struct destination *destination;
};

struct batch {
    struct message *message;
    struct arena *arena; /* of all that belongs to it, itself included */
    struct target *targets;
    size_t n;
    size_t unresolved; /* wait for trivial-rewrite */
    size_t left;       /* have no outcome yet */
};

struct message {
    struct manager *manager;
    struct arena *arena; /* itself included */
    const char *id;
    struct envelope envelope; /* recipients only during reading */
    uint64_t number;          /* order of activation */
    struct timeval active;    /* since when */
    int fd;                   /* the queue file, or -1 while nobody needs it open */
    size_t in_delivery;       /* agents that have the file */
    size_t recipients;        /* in memory, without an outcome */
    size_t deferred;          /* had their try, and are still to be done */
    size_t unresolved_batches;
    int64_t read_ms;      /* when recipients were read last */
    size_t unlogged;      /* of these, are not in the defer log: no report would tell */
    bool flush;           /* its transport is not put off this time */
    bool unthrottle;      /* forget that its destinations are dead */
    bool expire;          /* return it whatever its age */
    bool redirected;      /* its recipient by redirection was taken */
    bool lost;            /* the queue file is gone or damaged: leave it alone */
    bool success_reports; /* a recipient asked for NOTIFY=SUCCESS */
    struct job *jobs;     /* one a transport */
};

/* --- message.c ----------------------------------------------------------------- */

/* The open queue file, opened and locked again if need be; -1 = it cannot be had now. */
int message_file(struct message *message, struct fail *why) MUST_CHECK;
/* Close the file if descriptors are scarce and no agent has it. */
void message_rest(struct message *message);
/* Recipients that had their turn. */
struct settlement {
    size_t n;
    size_t deferred; /* of these, are still to be done */
    size_t unlogged; /* of these, are not in the defer log */
};
/* May finish the message: then it is gone. */
void message_settle(struct batch *batch, struct settlement settlement);
/* Forget the message; the file stays where it is. */
void message_free(struct message *message);

/* Put the recipients that the envelope holds in memory, and ask where they go. */
void message_take_recipients(struct message *message, struct arena *arena);

/* A question whether an address is deliverable, in the form of a message. */
bool message_is_probe(const struct message *message);
/* No attempt follows this one: the message is too old, or its lifetime is 0. */
bool message_is_last_try(const struct message *message, time_t now);
/* Bytes of content, as the log shows them. */
long message_size(const struct message *message);
/* Move the queue file from active/ to corrupt/, and say so. */
void message_corrupt(struct manager *manager, const char *id);

/* The log line of a recipient that the queue manager decides on itself. */
void message_log(const struct message *message, const struct recipient *recipient,
                 const char *status, enum outcome_result result, const char *text);

#endif
