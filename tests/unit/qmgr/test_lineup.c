/* Who is next: the oldest, and now and then the smallest. */
#include "unit.h"

#include "qmgr/lineup.h"

#include <stdlib.h>

struct waiter {
    struct lineup_place place;
    bool in;
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

static const struct lineup_rules fifth = {.cost = 5}, half = {.cost = 2};

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

static void every_fifth_turn_is_for_the_smallest(void **state)
{
    struct lineup lineup = {0};
    struct waiter old = waiter(1, 100), small = waiter(3, 2), middle = waiter(2, 50);

    (void)state;
    enter(&lineup, &middle);
    enter(&lineup, &small);
    enter(&lineup, &old);
    for (int turn = 1; turn <= 20; turn++) {
        assert_ptr_equal(lineup_next(&lineup, &fifth), turn % 5 == 0 ? &small : &old);
        lineup_turn(&lineup, &fifth);
    }
    lineup_done(&lineup);
}

static void without_cost_only_age_counts(void **state)
{
    struct lineup lineup = {0};
    struct waiter old = waiter(1, 100), small = waiter(2, 1);

    (void)state;
    enter(&lineup, &old);
    enter(&lineup, &small);
    for (int cost = 0; cost < 2; cost++)
        for (int turn = 0; turn < 10; turn++) {
            const struct lineup_rules rules = {.cost = cost};

            assert_ptr_equal(lineup_next(&lineup, &rules), &old);
            lineup_turn(&lineup, &rules);
        }
    lineup_done(&lineup);
}

static void the_oldest_is_not_overtaken_near_its_end(void **state)
{
    static const struct lineup_rules rules = {.cost = 2, .least = 15};
    struct lineup lineup = {0};
    struct waiter old = waiter(1, 15), small = waiter(2, 1);

    (void)state;
    enter(&lineup, &old);
    enter(&lineup, &small);
    lineup_turn(&lineup, &rules);
    assert_ptr_equal(lineup_next(&lineup, &rules), &small);
    lineup_resize(&lineup, &old.place, 14);
    assert_ptr_equal(lineup_next(&lineup, &rules), &old);
    lineup_done(&lineup);
}

static void a_changed_size_changes_the_order(void **state)
{
    struct lineup lineup = {0};
    struct waiter a = waiter(1, 10), b = waiter(2, 20);

    (void)state;
    enter(&lineup, &a);
    enter(&lineup, &b);
    lineup_turn(&lineup, &half);
    assert_ptr_equal(lineup_next(&lineup, &half), &a);
    lineup_resize(&lineup, &b.place, 5);
    assert_ptr_equal(lineup_next(&lineup, &half), &b);
    lineup_done(&lineup);
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
        lineup.turns = 0;
        assert_ptr_equal(lineup_next(&lineup, &half), search(all, N, LINEUP_AGE));
        lineup.turns = 1;
        assert_ptr_equal(lineup_next(&lineup, &half), search(all, N, LINEUP_SIZE));
    }
    lineup_done(&lineup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_lineup_has_nobody),
        cmocka_unit_test(every_fifth_turn_is_for_the_smallest),
        cmocka_unit_test(without_cost_only_age_counts),
        cmocka_unit_test(the_oldest_is_not_overtaken_near_its_end),
        cmocka_unit_test(a_changed_size_changes_the_order),
        cmocka_unit_test(any_history_keeps_both_orders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
