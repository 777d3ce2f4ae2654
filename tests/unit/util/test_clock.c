#include "unit.h"

#include "util/clock.h"

static void subtracts(void **state)
{
    (void)state;
    assert_true(time_since((struct timeval){5, 250000}, (struct timeval){3, 750000}) ==
                1.5);
    assert_true(time_since((struct timeval){3, 0}, (struct timeval){4, 500000}) == -1.5);
}

static void never_goes_back(void **state)
{
    int64_t before = clock_ms(&clock_system);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_ms(&clock_system);

        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_wall(&clock_system).tv_sec > 1700000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subtracts),
        cmocka_unit_test(never_goes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
