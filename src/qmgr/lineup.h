/*
 * Who is next: the oldest of those who wait; but a smaller one may overtake.
 *
 * Turns are paid for in slots. Each turn that one has earns it 1/cost slot, and
 * who overtakes takes as many slots from the overtaken as it needs turns. So a big
 * mailing keeps all but a cost-th of the turns while small messages need not wait
 * until it is through. All operations are O(log n).
 */
#ifndef QMGR_LINEUP_H
#define QMGR_LINEUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lineup_order { LINEUP_AGE, LINEUP_SIZE, LINEUP_ORDERS };

/* Embedded in what waits. Zeroed = waits nowhere. */
struct lineup_place {
    uint64_t key[LINEUP_ORDERS]; /* order of arrival; turns that it still needs */
    size_t at[LINEUP_ORDERS];    /* position in the heap, counted from 1; 0 = not in it */
    void *owner;

    int64_t served; /* turns so far */
    int64_t lost;   /* slots that others took */
    uint64_t paid;  /* turns to come that were paid for by overtaking */
    struct lineup_place *overtaken, **from; /* list of those that have paid */
};

struct lineup_rules {
    int cost;     /* turns that earn a slot; 0: nobody overtakes */
    int loan;     /* slots that may be missing at the time of overtaking */
    int discount; /* and so many percent of those that are needed */
    int least;    /* who can never earn so many slots is not overtaken */
};

/* Zeroed = empty. */
struct lineup {
    struct lineup_place **heap[LINEUP_ORDERS];
    size_t n, room;
    struct lineup_place *paid; /* have overtaken; the last one first */
};

void lineup_done(struct lineup *lineup);
/* The place's keys and owner are set by the caller. */
void lineup_add(struct lineup *lineup, struct lineup_place *place);
void lineup_remove(struct lineup *lineup, struct lineup_place *place); /* may be absent */
static inline bool lineup_has(const struct lineup_place *place)
{
    return place->at[LINEUP_AGE] != 0;
}
/* The work that is left changed; the place may be absent. */
void lineup_resize(struct lineup *lineup, struct lineup_place *place, uint64_t size);

/* The owner whose turn it is, or NULL. Asking changes nothing. */
void *lineup_next(const struct lineup *lineup, const struct lineup_rules *rules);
/* Whoever lineup_next names is being served. */
void lineup_turn(struct lineup *lineup, const struct lineup_rules *rules);

#endif
