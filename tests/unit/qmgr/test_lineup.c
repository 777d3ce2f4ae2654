/* Who is next: the oldest, or one that overtakes. */
#include "unit.h"

#include "qmgr/lineup.h"

#include <stdlib.h>

struct waiter {
    struct lineup_place place;
    bool in;
    char name;
};

static struct waiter waiter(uint64_t age, uint64_t size)
{
    return (struct waiter){.place = {.key = {age, size}}};
}

static void enter(struct lineup *lineup, struct waiter *w)
{
    w->place.owner = w;
    w->in = true;
    lineup_add(lineup, &w->place);
}

static const struct lineup_rules fifth = {.cost = 5};

/* Give everybody turns until the lineup is empty; "oooso" tells who had them. */
static const char *play(struct lineup *lineup, const struct lineup_rules *rules,
                        char *ret, size_t size)
{
    struct waiter *w;
    size_t n = 0;

    while ((w = lineup_next(lineup, rules)) && n + 1 < size) {
        ret[n++] = w->name;
        lineup_turn(lineup, rules);
        if (w->place.key[LINEUP_SIZE] == 1)
            lineup_remove(lineup, &w->place);
        else
            lineup_resize(lineup, &w->place, w->place.key[LINEUP_SIZE] - 1);
    }
    ret[n] = '\0';
    return ret;
}

static void an_empty_lineup_has_nobody(void **state)
{
    struct lineup lineup = {0};
    struct waiter w = waiter(1, 1);

    (void)state;
    assert_null(lineup_next(&lineup, &fifth));
    lineup_remove(&lineup, &w.place); /* harmless */
    enter(&lineup, &w);
    assert_true(lineup_has(&w.place));
    lineup_remove(&lineup, &w.place);
    assert_false(lineup_has(&w.place));
    assert_null(lineup_next(&lineup, &fifth));
    lineup_done(&lineup);
}

/* A big one of so many turns, and smaller ones that came later. */
static const struct {
    const char *name;
    struct lineup_rules rules;
    uint64_t big, small[4]; /* 0 = no more */
    const char *turns;      /* o = the big one, a b c d = the others */
} games[] = {
    /* clang-format off */
    {"every fifth turn", {.cost = 5}, 15, {1, 1, 1}, "oooooaoooooboooooc"},
    {"as many as there are slots", {.cost = 2}, 12, {3, 2}, "oooobbooooooooaaa"},
    {"without cost, by age", {.cost = 0, .loan = 3}, 5, {1, 1}, "oooooab"},
    {"a cost of 1 is 2", {.cost = 1}, 6, {1}, "ooaoooo"},
    {"a loan at first, earned later", {.cost = 5, .loan = 2}, 20, {1, 1, 1}, "abooooocooooooooooooooo"},
    {"half the price at once", {.cost = 4, .discount = 50}, 12, {2, 1}, "oobooooooaaoooo"},
    {"the whole price at once", {.cost = 4, .discount = 100}, 12, {1, 1}, "aooooboooooooo"},
    {"too small to be overtaken", {.cost = 5, .loan = 9, .least = 3}, 14, {1}, "ooooooooooooooa"},
    {"just big enough", {.cost = 5, .loan = 9, .least = 3}, 15, {1}, "aooooooooooooooo"},
    {"no loan beyond what can be earned", {.cost = 5, .loan = 9}, 10, {1, 1, 1}, "abooooooooooc"},
    {"nobody of the same size", {.cost = 2, .loan = 9}, 3, {3}, "oooaaa"},
    {"all turns of one at once", {.cost = 2}, 40, {10}, "ooooooooooooooooooooaaaaaaaaaaoooooooooooooooooooo"},
    /* clang-format on */
};

static void smaller_ones_overtake_for_slots(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(games); i++) {
        struct lineup lineup = {0};
        struct waiter old = waiter(1, games[i].big), small[4];
        char turns[200];

        old.name = 'o';
        enter(&lineup, &old);
        for (size_t k = 0; k < 4 && games[i].small[k] > 0; k++) {
            small[k] = waiter(2 + k, games[i].small[k]);
            small[k].name = (char)('a' + k);
            enter(&lineup, &small[k]);
        }
        play(&lineup, &games[i].rules, turns, sizeof(turns));
        ROW_TEXT(games[i].name, turns, games[i].turns);
        lineup_done(&lineup);
    }
}

/* What a slow and simple search would find. */
static const struct waiter *search(const struct waiter *all, size_t n, int order)
{
    const struct waiter *best = NULL;

    for (size_t i = 0; i < n; i++)
        if (all[i].in && (!best || all[i].place.key[order] < best->place.key[order] ||
                          (all[i].place.key[order] == best->place.key[order] &&
                           all[i].place.key[LINEUP_AGE] < best->place.key[LINEUP_AGE])))
            best = &all[i];
    return best;
}

static void any_history_keeps_both_orders(void **state)
{
    enum { N = 60 };
    static const struct lineup_rules by_age = {.cost = 0};
    struct lineup lineup = {0};
    struct waiter all[N];

    (void)state;
    srand(1);
    for (size_t i = 0; i < N; i++)
        all[i] = waiter(i, (uint64_t)rand() % 10);
    for (int i = 0; i < 20000; i++) {
        struct waiter *w = &all[rand() % N];
        int what = rand() % 3;

        if (what == 0 && !w->in) {
            enter(&lineup, w);
        } else if (what == 1) {
            lineup_remove(&lineup, &w->place);
            w->in = false;
        } else {
            lineup_resize(&lineup, &w->place, (uint64_t)rand() % 10);
        }
        assert_ptr_equal(lineup_next(&lineup, &by_age), search(all, N, LINEUP_AGE));
        assert_ptr_equal(lineup.n ? lineup.heap[LINEUP_SIZE][1]->owner : NULL,
                         search(all, N, LINEUP_SIZE));
    }
    lineup_done(&lineup);
}

static void who_cannot_be_served_keeps_what_it_paid(void **state)
{
    static const struct lineup_rules rules = {.cost = 5, .loan = 3};
    struct lineup lineup = {0};
    struct waiter old = waiter(1, 50), small = waiter(2, 3);

    (void)state;
    enter(&lineup, &old);
    enter(&lineup, &small);
    assert_ptr_equal(lineup_next(&lineup, &rules), &small);
    lineup_turn(&lineup, &rules);
    lineup_remove(&lineup, &small.place);
    assert_ptr_equal(lineup_next(&lineup, &rules), &old);
    lineup_resize(&lineup, &small.place, 2);
    lineup_add(&lineup, &small.place);
    assert_ptr_equal(lineup_next(&lineup, &rules), &small);
    lineup_turn(&lineup, &rules);
    assert_ptr_equal(lineup_next(&lineup, &rules), &small);
    lineup_turn(&lineup, &rules);
    assert_ptr_equal(lineup_next(&lineup, &rules), &old); /* all that it had paid for */
    lineup_done(&lineup);
}

static void who_overtakes_may_be_overtaken(void **state)
{
    static const struct lineup_rules rules = {.cost = 5, .loan = 3, .discount = 50};
    struct lineup lineup = {0};
    struct waiter old = waiter(1, 50), middle = waiter(2, 6), small = waiter(3, 1);
    char turns[100];

    (void)state;
    old.name = 'o', middle.name = 'm', small.name = 's';
    enter(&lineup, &old);
    enter(&lineup, &middle);
    assert_ptr_equal(lineup_next(&lineup, &rules), &middle);
    lineup_turn(&lineup, &rules);
    lineup_resize(&lineup, &middle.place, 5);
    enter(&lineup, &small);
    assert_string_equal(play(&lineup, &rules, turns, 8), "smmmmmo");
    lineup_done(&lineup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_lineup_has_nobody),
        cmocka_unit_test(smaller_ones_overtake_for_slots),
        cmocka_unit_test(who_cannot_be_served_keeps_what_it_paid),
        cmocka_unit_test(who_overtakes_may_be_overtaken),
        cmocka_unit_test(any_history_keeps_both_orders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
