#include "unit.h"

#include "util/platform.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void gives_different_random_bytes(void **state)
{
    char a[1000], b[1000];

    (void)state;
    platform_random(a, sizeof(a));
    platform_random(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a, a + 500, 500);
}

static void shares_memory_with_children(void **state)
{
    struct fail why;
    int fd = platform_shared_memory("test", 4096, &why), status;
    volatile int *p;
    pid_t pid;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_int_equal(*p, 0);
    pid = fork();
    if (pid == 0) {
        *p = 42;
        _exit(ftruncate(fd, 0) == 0 || ftruncate(fd, 8192) == 0);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(*p, 42);
    assert_int_equal(status, 0); /* its size is not theirs to change */
    munmap((void *)p, 4096);
    close(fd);
}

static void takes_a_wake_up_without_waiting_for_one(void **state)
{
    int fd = eventfd(0, EFD_CLOEXEC);

    (void)state;
    assert_false(platform_take_wake(fd)); /* though the descriptor would block */
    assert_int_equal(eventfd_write(fd, 3), 0);
    assert_true(platform_take_wake(fd));
    assert_false(platform_take_wake(fd));
    close(fd);
}

static void tells_that_a_process_ended(void **state)
{
    pid_t pid = fork();
    struct pollfd p;

    (void)state;
    if (pid == 0) {
        pause();
        _exit(0);
    }
    p = (struct pollfd){.fd = platform_process_fd(pid), .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 0);
    kill(pid, SIGKILL);
    assert_int_equal(poll(&p, 1, 10000), 1);
    close(p.fd);
    waitpid(pid, NULL, 0);
}

static void receives_signals(void **state)
{
    static const int list[] = {SIGUSR1, SIGUSR2, 0};
    struct fail why;
    int fd = platform_signal_fd(list, &why);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(platform_take_signal(fd), 0);
    raise(SIGUSR2);
    assert_int_equal(platform_take_signal(fd), SIGUSR2);
    assert_int_equal(platform_take_signal(fd), 0);
    platform_unblock_signals();
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_different_random_bytes),
        cmocka_unit_test(shares_memory_with_children),
        cmocka_unit_test(takes_a_wake_up_without_waiting_for_one),
        cmocka_unit_test(tells_that_a_process_ended),
        cmocka_unit_test(receives_signals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
