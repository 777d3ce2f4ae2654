#include "unit.h"

#include "util/wait.h"

#include <errno.h>
#include <unistd.h>

static void tells_ready_from_not_ready(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(wait_one(ends[0], POLLIN, 0), 0);
    assert_int_equal(wait_one(ends[0], POLLIN, 5), 0);
    assert_int_equal(wait_one(ends[1], POLLOUT, -1), 1);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(wait_one(ends[0], POLLIN, -1), 1);
    close(ends[0]);
    close(ends[1]);
}

static void shows_which_of_several_is_ready(void **state)
{
    int a[2], b[2];
    struct pollfd fds[2];

    (void)state;
    assert_int_equal(pipe(a) | pipe(b), 0);
    assert_int_equal(write(b[1], "x", 1), 1);
    fds[0] = (struct pollfd){.fd = a[0], .events = POLLIN};
    fds[1] = (struct pollfd){.fd = b[0], .events = POLLIN};
    assert_int_equal(wait_any(fds, 2, 1000), 1);
    assert_int_equal(fds[0].revents, 0);
    assert_true(fds[1].revents & POLLIN);
    close(a[0]), close(a[1]), close(b[0]), close(b[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_ready_from_not_ready),
        cmocka_unit_test(shows_which_of_several_is_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
