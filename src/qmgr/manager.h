/*
 * The state of the queue manager: one process, one loop, and all active
 * messages. Every other module of this folder gets it passed.
 */
#ifndef QMGR_MANAGER_H
#define QMGR_MANAGER_H

#include "mail/maillog.h"
#include "queue/spool.h"
#include "service/service.h"
#include "util/list.h"
#include "util/map.h"

struct resolver;
struct reporter;
struct scanner;
struct transport;

struct manager {
    const struct conf *conf;
    struct loop *loop;
    struct spool spool;
    struct maillog_style log_style;
    struct map *messages;   /* active ones, by queue id: struct message */
    struct map *transports; /* by name: struct transport */
    size_t peak;            /* most active messages since memory was given back */
    size_t recipients;      /* of all messages, in memory */
    size_t dead;            /* destinations that are left alone */
    size_t probes;          /* active messages that are address probes */
    size_t files;           /* open queue files */
    size_t files_max;
    uint64_t arrivals; /* numbers messages in the order of their activation */
    struct texts defer_transports;
    int64_t clog_quiet_until_ms; /* clog.c */
    bool retiring;               /* nothing new is begun */
    bool stranded;               /* files are where nobody looks again by himself */
    struct resolver *resolver;
    struct reporter *reporter;
    struct scanner *scanner;
};

static inline struct timeval manager_now(const struct manager *manager)
{
    return clock_wall(loop_clock(manager->loop));
}

/* Without a scanner: nothing happens yet. Texts of lists live in arena. */
struct manager *manager_new(const struct conf *conf, struct loop *loop,
                            struct arena *arena);
void manager_free(struct manager *manager); /* queue files stay where they are */

/*
 * The file of a message could not be moved, removed or opened (a full or failing
 * disk, no descriptors): log it, and have the next queue run look for it again.
 */
void manager_strand(struct manager *manager, const char *id, const struct fail *reason);

/* A message left memory: there may be room for others. */
void manager_freed(struct manager *manager);

/* Room for another message in the active queue? */
static inline bool manager_has_room(const struct manager *manager)
{
    return map_count(manager->messages) <
           (size_t)manager->conf->qmgr_message_active_limit;
}

#endif
