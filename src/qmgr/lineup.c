/*
 * Two binary heaps over the same places, one by age and one by size. Equal keys
 * of size are ordered by age, so that nobody waits for ever.
 */
#include "qmgr/lineup.h"

#include "util/log.h"

#include <stdlib.h>

static bool is_before(const struct lineup_place *a, const struct lineup_place *b,
                      int order)
{
    if (a->key[order] != b->key[order])
        return a->key[order] < b->key[order];
    return a->key[LINEUP_AGE] < b->key[LINEUP_AGE];
}

/* heap[1] is the first; heap[0] is not used, so that a position of 0 means absent. */
static void put(struct lineup_place **heap, struct lineup_place *place, size_t at,
                int order)
{
    heap[at] = place;
    place->at[order] = at;
}

/* Put the place into the hole at `at`, which may have to move up or down. */
static void sift(struct lineup *lineup, struct lineup_place *place, size_t at, int order)
{
    struct lineup_place **heap = lineup->heap[order];
    size_t child;

    while (at > 1 && is_before(place, heap[at / 2], order)) {
        put(heap, heap[at / 2], at, order);
        at /= 2;
    }
    while ((child = 2 * at) <= lineup->n) {
        if (child < lineup->n && is_before(heap[child + 1], heap[child], order))
            child++;
        if (is_before(place, heap[child], order))
            break;
        put(heap, heap[child], at, order);
        at = child;
    }
    put(heap, place, at, order);
}

void lineup_done(struct lineup *lineup)
{
    for (int order = 0; order < LINEUP_ORDERS; order++)
        free(lineup->heap[order]);
    *lineup = (struct lineup){0};
}

static void make_room(struct lineup *lineup)
{
    if (lineup->n + 2 <= lineup->room)
        return;
    lineup->room = lineup->room ? 2 * lineup->room : 16;
    for (int order = 0; order < LINEUP_ORDERS; order++) {
        lineup->heap[order] = reallocarray(lineup->heap[order], lineup->room,
                                           sizeof(struct lineup_place *));
        if (!lineup->heap[order])
            fatal("out of memory: lineup of %zu", lineup->room);
    }
}

void lineup_add(struct lineup *lineup, struct lineup_place *place)
{
    make_room(lineup);
    lineup->n++;
    for (int order = 0; order < LINEUP_ORDERS; order++)
        sift(lineup, place, lineup->n, order);
}

void lineup_remove(struct lineup *lineup, struct lineup_place *place)
{
    if (!lineup_has(place))
        return;
    lineup->n--;
    for (int order = 0; order < LINEUP_ORDERS; order++) {
        struct lineup_place *last = lineup->heap[order][lineup->n + 1];
        size_t hole = place->at[order];

        place->at[order] = 0;
        if (last != place)
            sift(lineup, last, hole, order);
    }
}

void lineup_resize(struct lineup *lineup, struct lineup_place *place, uint64_t size)
{
    place->key[LINEUP_SIZE] = size;
    if (lineup_has(place))
        sift(lineup, place, place->at[LINEUP_SIZE], LINEUP_SIZE);
}

static bool is_turn_of_the_smallest(const struct lineup *lineup,
                                    const struct lineup_rules *rules)
{
    return rules->cost >= 2 && lineup->turns + 1 >= (unsigned)rules->cost &&
           lineup->n > 0 && lineup->heap[LINEUP_AGE][1]->key[LINEUP_SIZE] >= rules->least;
}

void *lineup_next(const struct lineup *lineup, const struct lineup_rules *rules)
{
    int order = is_turn_of_the_smallest(lineup, rules) ? LINEUP_SIZE : LINEUP_AGE;

    return lineup->n > 0 ? lineup->heap[order][1]->owner : NULL;
}

void lineup_turn(struct lineup *lineup, const struct lineup_rules *rules)
{
    lineup->turns = is_turn_of_the_smallest(lineup, rules) ? 0 : lineup->turns + 1;
}
