/* Who hangs is ended; who works or rests is not. */
#include "service/watchdog.h"

#include "unit.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void sleep_ms(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&left, &left) != 0)
        ;
}

/* Status of a child that lives two watchdog limits. */
static int life(bool working, bool resting)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        watchdog_start(1);
        watchdog_rest(resting);
        for (int i = 0; i < 20; i++) {
            sleep_ms(100);
            if (working)
                watchdog_progress();
        }
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void ends_who_hangs(void **state)
{
    (void)state;
    assert_int_equal(WEXITSTATUS(life(false, false)), 1);
}

static void spares_who_works_or_rests(void **state)
{
    (void)state;
    assert_int_equal(life(true, false), 0);
    assert_int_equal(life(false, true), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_who_hangs),
        cmocka_unit_test(spares_who_works_or_rests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
