/*
 * The page that master shares with all processes of one service, in place of
 * status messages: master is woken only when the last idle process takes a
 * client, or when a process dies (SIGCHLD).
 *
 * Descriptors of every child that master starts:
 *   3  the service's scoreboard (memfd), to be mapped shared
 *   4  the service's wake-up eventfd: written by a child, read by master
 *   5  read end of the retire pipe: end of input = master died or reloaded,
 *      finish the client you have and exit
 *   6..  listening sockets (-s NSOCK)
 *   and after them the snapshot of main.cf (conf_snapshot), to fall back to when main.cf
 *   has been broken since; closed once the configuration is read
 * and in the environment GENERATION (octal) and SLOT (decimal, index below).
 *
 * Rules, each with its reason:
 * - A child writes its own slot only; master writes slots of no live process.
 *   So a lying child can starve its own service, no other: one page a service.
 * - idle counts the processes that wait for a client. Who makes it 0 while
 *   total < limit (limit 0 = no limit) writes to the wake-up descriptor;
 *   master then starts one process more, unless one is starting already.
 *   In a steady state there is thus one spare process, and master sleeps.
 * - When a process dies, master takes its slot back and corrects idle
 *   from the state that the dead process left.
 */
#ifndef SERVICE_SCOREBOARD_H
#define SERVICE_SCOREBOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    SCOREBOARD_FD = 3,
    SCOREBOARD_WAKE_FD = 4,
    SCOREBOARD_RETIRE_FD = 5,
    SCOREBOARD_LISTEN_FD = 6
};

enum slot_state { SLOT_FREE, SLOT_STARTING, SLOT_IDLE, SLOT_BUSY, SLOT_LEAVING };

struct scoreboard_slot {
    _Atomic int32_t pid;   /* set by master after fork */
    _Atomic int32_t state; /* enum slot_state */
    _Atomic uint32_t
        served;          /* clients so far; 0 at death = bad start, master throttles */
    uint32_t generation; /* of master's configuration, at start */
};

struct scoreboard {
    uint32_t slots;        /* entries of slot[] */
    _Atomic int32_t idle;  /* see above */
    _Atomic int32_t total; /* processes alive, kept by master */
    int32_t limit;         /* process limit, 0 = none */
    /* Processes with a generation below this one retire after the request they have: what
       the retire pipe says, for those who are busy and don't look at it. Master raises it
       at reload. */
    _Atomic uint32_t retire_before;
    struct scoreboard_slot slot[];
};

/* Slots for a service: its limit, or this many when there is no limit (then the extra
 * ones run without spare). */
enum { SCOREBOARD_SLOTS_UNLIMITED = 2000 };

/* Master: make one (returns the mapping, *ret_fd the memfd), NULL on failure with errno.
 */
struct scoreboard *scoreboard_new(int32_t limit, int *ret_fd);
void scoreboard_free(struct scoreboard *board, int fd);
/* Child: map descriptor 3. NULL on failure. */
struct scoreboard *scoreboard_map(int fd);

/* Child: the latter two return true when this made idle 0 and another process may be
 * started: the caller then writes the eventfd. A process that is about to exit need
 * not, since its death wakes master too. */
void scoreboard_idle(struct scoreboard *board, uint32_t slot); /* waits for a client */
bool scoreboard_busy(struct scoreboard *board, uint32_t slot); /* took a client */
bool scoreboard_leave(struct scoreboard *board,
                      uint32_t slot); /* will exit, takes no client any more */

#endif
