/*
 * Two binary heaps over the same places, one by age and one by size, equal sizes
 * by age; and the short list of those that have overtaken and are not through. One
 * that leaves meanwhile, since it cannot be served now, is back on the list when it
 * comes again: what it has paid for stays its own.
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

/* --- who has paid -------------------------------------------------------------- */

static void list_paid(struct lineup *lineup, struct lineup_place *place)
{
    place->overtaken = lineup->paid;
    place->from = &lineup->paid;
    if (place->overtaken)
        place->overtaken->from = &place->overtaken;
    lineup->paid = place;
}

static void unlist_paid(struct lineup_place *place)
{
    if (!place->from)
        return;
    *place->from = place->overtaken;
    if (place->overtaken)
        place->overtaken->from = place->from;
    place->overtaken = NULL;
    place->from = NULL;
}

/* --- coming and going ---------------------------------------------------------- */

void lineup_add(struct lineup *lineup, struct lineup_place *place)
{
    make_room(lineup);
    lineup->n++;
    for (int order = 0; order < LINEUP_ORDERS; order++)
        sift(lineup, place, lineup->n, order);
    if (place->paid > 0)
        list_paid(lineup, place);
}

void lineup_remove(struct lineup *lineup, struct lineup_place *place)
{
    if (!lineup_has(place))
        return;
    unlist_paid(place);
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

/* --- turns --------------------------------------------------------------------- */

/* Does the one whose turn it would be give way to the smallest, and can it afford to? */
static bool gives_way(const struct lineup_place *current,
                      const struct lineup_place *smallest,
                      const struct lineup_rules *rules)
{
    const int64_t cost = rules->cost < 2 ? 2 : rules->cost;
    const int64_t needed = (int64_t)smallest->key[LINEUP_SIZE];
    const int64_t ever = (current->served + (int64_t)current->key[LINEUP_SIZE]) / cost;
    const int64_t saved = current->served - cost * current->lost; /* slots times cost */

    if (rules->cost == 0 || smallest->paid > 0 ||
        smallest->key[LINEUP_SIZE] >= current->key[LINEUP_SIZE])
        return false;
    return ever >= rules->least && ever - current->lost >= needed &&
           100 * (saved + cost * rules->loan) >= cost * needed * (100 - rules->discount);
}

/* Whose turn it is if nobody overtakes. */
static struct lineup_place *current_of(const struct lineup *lineup)
{
    return lineup->paid ? lineup->paid : lineup->heap[LINEUP_AGE][1];
}

static struct lineup_place *choose(const struct lineup *lineup,
                                   const struct lineup_rules *rules)
{
    struct lineup_place *current = current_of(lineup);
    struct lineup_place *smallest = lineup->heap[LINEUP_SIZE][1];

    return smallest != current && gives_way(current, smallest, rules) ? smallest
                                                                      : current;
}

void *lineup_next(const struct lineup *lineup, const struct lineup_rules *rules)
{
    return lineup->n > 0 ? choose(lineup, rules)->owner : NULL;
}

static void overtake(struct lineup *lineup, struct lineup_place *place)
{
    current_of(lineup)->lost += (int64_t)place->key[LINEUP_SIZE];
    place->paid = place->key[LINEUP_SIZE];
    list_paid(lineup, place);
}

void lineup_turn(struct lineup *lineup, const struct lineup_rules *rules)
{
    struct lineup_place *place;

    if (lineup->n == 0)
        return;
    place = choose(lineup, rules);
    if (place != current_of(lineup))
        overtake(lineup, place);
    place->served++;
    if (place->paid > 0 && --place->paid == 0)
        unlist_paid(place);
}
