/* Linux: random bytes, closing many descriptors, shared memory without a name. */
#include "util/platform.h"

#include "util/log.h"

#include <sys/mman.h>
#include <sys/random.h>
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

void platform_close_from(int first)
{
    closefrom(first);
}

int platform_shared_memory(const char *name, size_t n, struct fail *why)
{
    int fd = memfd_create(name, MFD_CLOEXEC);

    if (fd < 0)
        return fail_set(why, "memfd_create %s: %m", name);
    if (ftruncate(fd, (off_t)n) < 0) {
        fail_set(why, "memory of %zu bytes for %s: %m", n, name);
        close(fd);
        return -1;
    }
    return fd;
}
