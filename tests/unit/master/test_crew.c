/* Slots are given, taken back and counted, whatever the processes leave in them. */
#include "master/crew.h"

#include "unit.h"

#include <fcntl.h>
#include <unistd.h>

static struct crew *crew_of(int limit)
{
    struct fail why;
    struct crew *crew = crew_new(NULL, limit, 7, &why);

    if (crew == NULL)
        fail_msg("%s", why.text);
    return crew;
}

/* As children_start and the process itself do. */
static uint32_t start(struct crew *crew, enum slot_state then)
{
    uint32_t slot = 99;

    assert_true(crew_take_slot(crew, &slot));
    crew->alive++;
    atomic_store(&crew->board->total, crew->alive);
    if (then == SLOT_IDLE || then == SLOT_BUSY)
        scoreboard_idle(crew->board, slot);
    if (then == SLOT_BUSY)
        scoreboard_busy(crew->board, slot);
    return slot;
}

static void slots_are_as_many_as_the_limit_allows(void **state)
{
    struct crew *crew = crew_of(2);
    uint32_t slot;

    (void)state;
    assert_int_equal(start(crew, SLOT_STARTING), 0);
    assert_int_equal(start(crew, SLOT_IDLE), 1);
    assert_false(crew_take_slot(crew, &slot));
    assert_int_equal(crew_available(crew), 2);
    crew_bury(crew, 0, false);
    assert_int_equal(crew_available(crew), 1);
    assert_int_equal(start(crew, SLOT_BUSY), 0);
    assert_int_equal(crew->board->slot[0].generation, 7);
    crew_free(crew);
}

static void a_death_tells_what_the_process_was(void **state)
{
    struct crew *crew = crew_of(3);
    struct crew_death death;

    (void)state;
    start(crew, SLOT_STARTING);
    start(crew, SLOT_BUSY);
    atomic_store(&crew->board->slot[1].served, 4);
    death = crew_bury(crew, 0, false);
    assert_false(death.served);
    assert_false(death.was_active);
    death = crew_bury(crew, 1, true);
    assert_true(death.served);
    assert_true(death.was_active);
    assert_false(death.waited);
    start(crew, SLOT_IDLE);
    scoreboard_leave(crew->board, 0);
    assert_true(crew_bury(crew, 0, false).waited);
    assert_int_equal(crew->alive, 0);
    assert_int_equal(crew->board->idle, 0);
    crew_free(crew);
}

static void a_process_killed_between_two_stores_leaves_a_right_count(void **state)
{
    struct crew *crew = crew_of(3);

    (void)state;
    start(crew, SLOT_IDLE);
    start(crew, SLOT_BUSY);
    /* it had said that it is idle, but not counted itself yet */
    atomic_store(&crew->board->slot[1].state, SLOT_IDLE);
    crew_bury(crew, 1, true);
    assert_int_equal(crew->board->idle, 1);
    /* and the other way round */
    start(crew, SLOT_BUSY);
    atomic_fetch_add(&crew->board->idle, 1);
    crew_bury(crew, 1, true);
    assert_int_equal(crew->board->idle, 1);
    crew_free(crew);
}

static void a_page_that_lies_about_its_size_is_not_believed(void **state)
{
    struct crew *crew = crew_of(1);
    uint32_t slot;

    (void)state;
    crew->board->slots = 100000;
    start(crew, SLOT_BUSY);
    assert_false(crew_take_slot(crew, &slot));
    crew_free(crew);
}

static void retiring_is_told_by_the_page_and_by_the_pipe(void **state)
{
    struct crew *crew = crew_of(1);
    int fd = fcntl(crew->retire_read, F_DUPFD_CLOEXEC, 0);
    char c;

    (void)state;
    crew_retire(crew);
    assert_int_equal(atomic_load(&crew->board->retire_before), 8);
    assert_int_equal(read(fd, &c, 1), 0);
    crew_retire(crew); /* again is fine */
    close(fd);
    crew_free(crew);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_as_many_as_the_limit_allows),
        cmocka_unit_test(a_death_tells_what_the_process_was),
        cmocka_unit_test(a_process_killed_between_two_stores_leaves_a_right_count),
        cmocka_unit_test(a_page_that_lies_about_its_size_is_not_believed),
        cmocka_unit_test(retiring_is_told_by_the_page_and_by_the_pipe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
