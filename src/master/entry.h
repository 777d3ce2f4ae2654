/*
 * A line of master.cf in force: its listening sockets, its crews, its timers.
 */
#ifndef MASTER_ENTRY_H
#define MASTER_ENTRY_H

#include "master/crew.h"
#include "master/listener.h"
#include "master/master.h"

struct entry {
    struct entry *next;
    struct master *master;
    const struct master_service *line; /* in the settings in force */
    char *key;                         /* "unix.cleanup", as no other entry */
    struct listener listener;
    struct crew *crew;           /* the newest; older ones hang behind it */
    bool watched;                /* master waits for the first client itself */
    bool used;                   /* a client came since master started */
    bool wanted;                 /* while reading: the new master.cf has it */
    struct loop_timer *throttle; /* set while the service rests after a failure */
    struct loop_timer *wakeup;
    int64_t stressed_until_ms; /* children get stress=yes */
    int64_t warned_ms;         /* last word on the process limit; 0 = never */
};

/* Take over a new reading: keep, add and drop entries. strict: a socket that cannot be
 * had ends master. */
void entries_apply(struct master *master, bool strict);

/* Close all, at the end of master. Unix sockets go from the file system. */
void entries_close(struct master *master);

/* Is it the service that writes maillog_file? */
bool entry_is_log(const struct entry *entry);

/* While stopping: once all processes but those of the log service have ended, let these
 * write what they have and end. */
void entries_let_log_end(struct master *master);

/* Processes of the entry in all its crews. */
int entry_alive(const struct entry *entry);

/*
 * Look whether somebody must wait for clients: start watching the sockets
 * when no process does, stop when one does. Called after every change.
 */
void entry_review(struct entry *entry);

/* Start a process unless the entry rests, is full, or has one to spare. */
void entry_start_one(struct entry *entry);

/* A process failed at once: rest for $service_throttle_time. */
void entry_throttle(struct entry *entry);

/* A process of that crew has ended (and was buried). Frees the crew when it was the last
 * of an old one. */
void entry_lost_process(struct entry *entry, struct crew *crew,
                        const struct crew_death *death);

/* Set the timer of the wake-up field; the first is due at once. */
void entry_start_wakeup(struct entry *entry);

#endif
