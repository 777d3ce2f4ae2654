/*
 * The processes that one entry of master.cf got from one reading of the
 * configuration, and what master shares with them (service/scoreboard.h): the
 * page, the wake-up descriptor, the pipe whose end tells them to retire.
 */
#ifndef MASTER_CREW_H
#define MASTER_CREW_H

#include "service/scoreboard.h"
#include "util/attributes.h"
#include "util/fail.h"

struct entry;

struct crew {
    struct entry *entry;
    struct crew *older; /* crews that were told to retire and have not ended yet */
    struct scoreboard *board;
    int board_fd, wake_fd, retire_read, retire_write; /* -1 = closed */
    unsigned generation;
    uint32_t slots;    /* of the page; what it says itself is the processes' */
    int alive;         /* processes */
    uint32_t used_top; /* slots from here on were never used */
};

struct crew *crew_new(struct entry *entry, int process_limit, unsigned generation,
                      struct fail *why);
void crew_free(struct crew *crew); /* NULL is fine */

/* Tell the processes to end as soon as they have no client. */
void crew_retire(struct crew *crew);

/* A slot for a new process, marked as starting; false when all are taken. */
bool crew_take_slot(struct crew *crew, uint32_t *ret_slot);

/* What a process left behind. */
struct crew_death {
    bool served;     /* it had at least one client */
    bool was_active; /* it died as idle, busy or leaving: it came up */
    bool waited;     /* it ended while it had no client */
};

/* The process of that slot is gone, perhaps by a signal: free the slot, correct the count
 * of idle ones. */
struct crew_death crew_bury(struct crew *crew, uint32_t slot, bool killed);

/* Processes that wait for a client, or soon will; those that soon will. */
int crew_available(const struct crew *crew);
int crew_starting(const struct crew *crew);

#endif
