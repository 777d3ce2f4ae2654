/*
 * What all delivery agents share: taking a request from the queue manager,
 * and telling what happened to each recipient.
 *
 * An agent's answer to the "deliver" request (service/service.h) is
 *
 *     struct delivery delivery;
 *     if (delivery_receive(client, &delivery, why) < 0)
 *         return -1;
 *     for each recipient: ... delivery_report(&delivery, recipient, &outcome);
 *     return delivery_finish(client, &delivery, why);
 *
 * The order of effects is the promise of the queue (src/queue/README.md): the
 * mail is safe at its destination, or its bounce or defer log entry is synced,
 * before the recipient's record is marked done.
 */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H

#include "ipc/client.h"
#include "ipc/messages.h"
#include "mail/outcome.h"
#include "queue/reader.h"
#include "service/service.h"
#include "table/table.h"

struct delivery_recipient {
    const char *address;  /* internal (unquoted) form */
    const char *original; /* as it came in; "" = same */
    const char *orcpt;    /* "rfc822;x" or "" */
    long long offset;     /* of its R record */
    int notify;           /* RFC 3461 bits; an agent whose next hop takes over the
                             duty to report success takes NOTIFY_SUCCESS away */
    bool reported;        /* delivery_report was called */
    bool part;            /* one of several that a recipient stands for: not marked */
};

/* Ids that a delivery acts with, see rights.h. */
struct rights {
    uid_t uid;
    gid_t gid;
};

/* The logs of a message that agents add to: services bounce, defer and trace. */
enum delivery_log {
    DELIVERY_LOG_BOUNCE,
    DELIVERY_LOG_DEFER,
    DELIVERY_LOG_TRACE,
    DELIVERY_LOGS
};

struct delivery {
    struct deliver request; /* all that the queue manager told; texts never NULL */
    struct delivery_recipient *recipients;
    size_t n;
    int fd; /* the queue file; shared offset: pread only */
    struct process *process;
    struct arena *arena;  /* of the request */
    int64_t started_us;   /* wall clock when the request came */
    int64_t connected_us; /* when the destination was ready: set by agents that connect,
                             else 0 */
    int conn_use;         /* how often the connection was used; set by agents that keep
                             them, else 0 */
    const char *tls;      /* tls= features of the connection for the log; NULL = none */
    size_t deferred;      /* so far */
    size_t unlogged;      /* of these, could not be put into the defer log */
    const char
        *trouble_status; /* destination in trouble, for the queue manager; or NULL */
    const char *trouble;
    struct rights acting;         /* root's at first; rights.h changes them */
    struct record_reader content; /* of delivery_content: what was read stays there */
    struct ipc_client *logs[DELIVERY_LOGS]; /* of report.c: connected when needed */
};

/* Open the tables of $<agent>_delivery_status_filter, which delivery_report then obeys.
 * Call it before the jail. */
void delivery_open_filter(struct process *process, struct tables *tables,
                          const char *param, const char *value);

/* Read the whole request. All texts live in the client's arena. After 0 the delivery
 * must be ended with delivery_finish. */
int delivery_receive(struct client *client, struct delivery *ret,
                     struct fail *why) MUST_CHECK;

/*
 * Log the outcome line, append to the bounce, defer or trace log as needed, and
 * mark the recipient done when nothing is left to do for it. A bounce that
 * cannot be logged becomes a deferral. With $soft_bounce a bounce becomes a deferral.
 */
void delivery_report(struct delivery *delivery, struct delivery_recipient *recipient,
                     const struct outcome *outcome);
/* An entry for the sender who asked to hear of successes, and nothing else. action:
 * "expanded". */
void delivery_trace(struct delivery *delivery, const struct delivery_recipient *recipient,
                    const struct outcome *outcome, const char *action);
/* Mark a recipient whose parts were reported one by one. */
void delivery_mark_done(struct delivery *delivery,
                        const struct delivery_recipient *recipient);
/* The same outcome for every recipient that has none yet. */
void delivery_report_rest(struct delivery *delivery, const struct outcome *outcome);

/* The destination, not a recipient, is in trouble: the queue manager slows down or
 * suspends it. */
void delivery_destination_trouble(struct delivery *delivery, const char *status,
                                  const char *reason);

/* Answer the queue manager; recipients without a report are deferred (a bug, logged).
 * Closes the queue file. */
int delivery_finish(struct client *client, struct delivery *delivery,
                    struct fail *why) MUST_CHECK;

/*
 * Read the message content: calls line(context, text, ends) for each N or L
 * record in order, ends = a line end follows (N). Returns 0, 1 when line
 * returned non-zero (gave up), or -1 when the queue file cannot be read.
 */
int delivery_content(struct delivery *delivery,
                     int (*line)(void *context, struct str text, bool ends),
                     void *context, struct fail *why) MUST_CHECK;

/* The agent found the queue file damaged: mode 0400, so that the queue manager moves it
 * to corrupt/. */
void delivery_mark_corrupt(struct delivery *delivery);

#endif
