/*
 * O_EXCL decides who has the lock. A lock file whose maker died is removed by
 * its age; two that do so at once may both go on, which is what stale_lock_time
 * is long for.
 */
#include "deliver/lock_file.h"

#include "util/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool is_stale(const char *path, int seconds)
{
    struct stat st;

    return stat(path, &st) == 0 &&
           clock_wall(&clock_system).tv_sec - st.st_mtime > seconds;
}

int lock_file_make(const char *path, const struct conf *conf, struct fail *why)
{
    const struct timespec delay = {.tv_sec = conf->deliver_lock_delay};

    for (int attempt = 0;; attempt++) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);

        if (fd >= 0) {
            close(fd);
            return 0;
        }
        if (errno == EINTR)
            continue;
        if (errno != EEXIST || attempt >= conf->deliver_lock_attempts)
            break;
        if (!is_stale(path, conf->stale_lock_time) || unlink(path) < 0)
            nanosleep(&delay, NULL);
    }
    return fail_set(why, "unable to create lock file %s: %m", path);
}
