/*
 * The lock in the queue directory keeps a second master from the same queue;
 * the one in the data directory keeps two queues from sharing caches. The
 * second is opened with the rights of the mail owner, whose directory it is in.
 */
#include "master/lock.h"

#include "util/file.h"
#include "util/ids.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* "postfix status" and others hold it for a moment, to see whether it is free. */
enum { LOCK_TRIES = 15, LOCK_DELAY_MS = 20 };

/* compat: other programs read the number with its width of 32. */
static int lock_file(const char *path, struct fail *why)
{
    char text[40];
    struct stat st;
    int fd = file_open_safely(path, O_RDWR | O_CREAT, 0644, &st, why), status;

    if (fd < 0)
        return fail_prefix(why, "open lock file %s", path);
    status = file_lock_within(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FLOCK, LOCK_TRIES,
                              LOCK_DELAY_MS, why);
    if (status == 0) {
        snprintf(text, sizeof(text), "%32lu\n", (unsigned long)getpid());
        if (ftruncate(fd, 0) < 0)
            status = fail_set(why, "truncate: %m");
        else
            status = file_write_all(fd, text, 33, why);
    }
    if (status == 0)
        return 0;
    close(fd);
    return fail_prefix(why, "open lock file %s", path);
}

static int lock_as_owner(const struct conf *conf, struct fail *why)
{
    struct arena *arena = arena_new("lock");
    struct user owner;
    char path[1000];
    int status = user_by_name(conf->mail_owner, arena, &owner, why);

    if (status == 0)
        status =
            fail_set(why, "file %s/main.cf: parameter mail_owner: user %s is not known",
                     conf->config_directory, conf->mail_owner);
    if (status > 0 && getuid() == 0)
        status = ids_become(owner.uid, owner.gid, why);
    arena_free(arena);
    if (status < 0)
        return -1;
    snprintf(path, sizeof(path), "%s/master.lock", conf->data_directory);
    status = lock_file(path, why);
    return ids_restore(status < 0 ? NULL : why) < 0 ? -1 : status;
}

int lock_take(const struct conf *conf, struct fail *why)
{
    return lock_file(LOCK_PID_FILE, why) < 0 ? -1 : lock_as_owner(conf, why);
}

bool lock_is_held(void)
{
    int fd = open(LOCK_PID_FILE, O_RDWR | O_CLOEXEC);
    bool held =
        fd >= 0 && file_lock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FLOCK, false, NULL) != 0;

    if (fd >= 0)
        close(fd);
    return held;
}
