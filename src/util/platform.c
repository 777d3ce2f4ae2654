/* Linux: random bytes, memory, shared memory without a name, processes and signals as
 * descriptors. */
#include "util/platform.h"

#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/uio.h>
#include <unistd.h>

void platform_random(void *p, size_t n)
{
    char *to = p;

    while (n > 0) {
        ssize_t got = getrandom(to, n < 256 ? n : 256, 0);

        if (got <= 0)
            fatal("getrandom: %m");
        to += got;
        n -= (size_t)got;
    }
}

void platform_trim_memory(void)
{
    malloc_trim(0);
}

void platform_close_from(int first)
{
    closefrom(first);
}

int platform_shared_memory(const char *name, size_t n, struct fail *why)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return fail_set(why, "memfd_create %s: %m", name);
    if (ftruncate(fd, (off_t)n) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        fail_set(why, "memory of %zu bytes for %s: %m", n, name);
        close(fd);
        return -1;
    }
    return fd;
}

static int write_all(int fd, struct str content)
{
    while (content.n > 0) {
        ssize_t put = write(fd, content.p, content.n);

        if (put < 0 && errno != EINTR)
            return -1;
        content = str_tail(content, put > 0 ? (size_t)put : 0);
    }
    return 0;
}

int platform_sealed_memory(const char *name, struct str content, struct fail *why)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return fail_set(why, "memfd_create %s: %m", name);
    if (write_all(fd, content) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) <
            0) {
        fail_set(why, "memory of %zu bytes for %s: %m", content.n, name);
        close(fd);
        return -1;
    }
    return fd;
}

bool platform_is_sealed(int fd)
{
    int seals = fcntl(fd, F_GET_SEALS);

    return seals >= 0 && (seals & F_SEAL_WRITE);
}

bool platform_take_wake(int fd)
{
    uint64_t count;
    struct iovec to = {.iov_base = &count, .iov_len = sizeof(count)};

    return preadv2(fd, &to, 1, -1, RWF_NOWAIT) == (ssize_t)sizeof(count);
}

int platform_process_fd(pid_t pid)
{
    return pidfd_open(pid, 0);
}

int platform_signal_fd(const int *list, struct fail *why)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    while (*list != 0)
        sigaddset(&set, *list++);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return fail_set(why, "block signals: %m");
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? fail_set(why, "receive signals: %m") : fd;
}

int platform_take_signal(int fd)
{
    struct signalfd_siginfo info;

    return read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info) ? (int)info.ssi_signo
                                                                  : 0;
}

void platform_unblock_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}
