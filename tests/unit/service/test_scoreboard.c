/* The counts that master relies on, and when it is woken. */
#include "service/scoreboard.h"

#include "unit.h"

#include <unistd.h>

static void wakes_master_for_the_last_idle_process(void **state)
{
    int fd;
    struct scoreboard *board = scoreboard_new(3, &fd);

    (void)state;
    assert_non_null(board);
    assert_int_equal(board->slots, 3);
    atomic_store(&board->total, 2);
    scoreboard_idle(board, 0);
    scoreboard_idle(board, 1);
    scoreboard_idle(board, 1); /* said twice, counted once */
    assert_int_equal(board->idle, 2);
    assert_false(scoreboard_busy(board, 0));
    assert_true(scoreboard_busy(board, 1));
    assert_false(scoreboard_busy(board, 1));
    assert_int_equal(board->idle, 0);
    scoreboard_idle(board, 0);
    assert_true(scoreboard_leave(board, 0));
    assert_int_equal(board->slot[0].state, SLOT_LEAVING);
    scoreboard_idle(board, 1);
    atomic_store(&board->total, 3);
    assert_false(scoreboard_busy(board, 1)); /* at the limit: nothing master could do */
    assert_false(scoreboard_leave(board, 1));
    assert_int_equal(board->idle, 0);
    scoreboard_free(board, fd);
}

static void has_room_when_there_is_no_limit(void **state)
{
    int fd;
    struct scoreboard *board = scoreboard_new(0, &fd);

    (void)state;
    assert_int_equal(board->slots, SCOREBOARD_SLOTS_UNLIMITED);
    atomic_store(&board->total, 5000);
    scoreboard_idle(board, SCOREBOARD_SLOTS_UNLIMITED - 1);
    assert_true(scoreboard_busy(board, SCOREBOARD_SLOTS_UNLIMITED - 1));
    scoreboard_free(board, fd);
}

static void is_one_page_for_all(void **state)
{
    int fd;
    struct scoreboard *master = scoreboard_new(2, &fd), *child;

    (void)state;
    child = scoreboard_map(fd);
    assert_non_null(child);
    scoreboard_idle(child, 1);
    assert_int_equal(master->idle, 1);
    assert_int_equal(master->slot[1].state, SLOT_IDLE);

    /* a page that claims more slots than it has is refused */
    master->slots = 100000;
    assert_null(scoreboard_map(fd));
    master->slots = 2;
    assert_null(scoreboard_map(STDIN_FILENO));
    scoreboard_free(master, fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wakes_master_for_the_last_idle_process),
        cmocka_unit_test(has_room_when_there_is_no_limit),
        cmocka_unit_test(is_one_page_for_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
