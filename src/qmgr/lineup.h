/*
 * Who is next: the oldest of those who wait, and at every cost-th turn the one
 * with the least left to do. So big mailings get on at nearly full speed while
 * small messages need not wait until they are through. All operations are O(log n).
 */
#ifndef QMGR_LINEUP_H
#define QMGR_LINEUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lineup_order { LINEUP_AGE, LINEUP_SIZE, LINEUP_ORDERS };

/* Embedded in what waits. Zeroed = waits nowhere. */
struct lineup_place {
    uint64_t key[LINEUP_ORDERS]; /* order of arrival; what is left to do */
    size_t at[LINEUP_ORDERS];    /* position in the heap, counted from 1; 0 = not in it */
    void *owner;
};

struct lineup_rules {
    int cost;       /* below 2: always the oldest */
    uint64_t least; /* the oldest is not overtaken when it has less to do than this */
};

/* Zeroed = empty. */
struct lineup {
    struct lineup_place **heap[LINEUP_ORDERS];
    size_t n, room;
    unsigned turns; /* since the smallest was served */
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
