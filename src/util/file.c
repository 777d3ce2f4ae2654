/*
 * Files: whole reads and writes that survive EINTR and short counts, and
 * replacements that a crash leaves either old or new.
 */
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

int file_open(const char *path, int flags, mode_t mode, struct fail *why)
{
    int fd;

    do
        fd = open(path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd < 0 ? fail_set(why, "open %s: %m", path) : fd;
}

int file_write_all(int fd, const void *p, size_t n, struct fail *why)
{
    const char *from = p;

    while (n > 0) {
        ssize_t done = write(fd, from, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail_set(why, "write: %m");
        from += done;
        n -= (size_t)done;
    }
    return 0;
}

int file_pwrite_all(int fd, const void *p, size_t n, off_t at, struct fail *why)
{
    const char *from = p;

    while (n > 0) {
        ssize_t done = pwrite(fd, from, n, at);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail_set(why, "write: %m");
        from += done;
        at += done;
        n -= (size_t)done;
    }
    return 0;
}

/* Read to the end of fd, at most max bytes. The size of a file is a hint: /proc says 0.
 */
static int read_all(int fd, size_t max, struct buf *b, struct fail *why)
{
    for (;;) {
        size_t room = max + 1 - b->n;
        ssize_t n;

        if (room > 65536)
            room = 65536;
        n = read(fd, buf_reserve(b, room), room);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_set(why, "read: %m");
        if (n == 0)
            return 0;
        buf_added(b, (size_t)n);
        if (b->n > max)
            return fail_set(why, "larger than %zu bytes", max);
    }
}

int file_read_open(int fd, size_t max, struct arena *arena, struct str *ret,
                   struct fail *why)
{
    struct buf b;
    int status;

    if (max > SIZE_MAX / 2)
        max = SIZE_MAX / 2;
    buf_init(&b, max + 65536);
    status = read_all(fd, max, &b, why);
    if (status == 0)
        *ret = str_from(arena_copy_str(arena, buf_str(&b)), b.n);
    buf_done(&b);
    return status;
}

int file_read(const char *path, size_t max, struct arena *arena, struct str *ret,
              struct fail *why)
{
    int fd = file_open(path, O_RDONLY | O_NOCTTY, 0, why), status;

    if (fd < 0)
        return -1;
    status = file_read_open(fd, max, arena, ret, why);
    close(fd);
    return status < 0 ? fail_prefix(why, "%s", path) : 0;
}

int file_sync_directory(const char *path, struct fail *why)
{
    int fd = file_open(path, O_RDONLY | O_DIRECTORY, 0, why), status = 0;

    if (fd < 0)
        return -1;
    if (fsync(fd) < 0)
        status = fail_set(why, "sync directory %s: %m", path);
    close(fd);
    return status;
}

int file_sync_parent(const char *path, struct fail *why)
{
    char *copy = strdup(path);
    int status;

    if (copy == NULL)
        return fail_set(why, "sync the directory of %s: %m", path);
    status = file_sync_directory(dirname(copy), why);
    free(copy);
    return status;
}

/* Fill the temporary file and put it in place. */
static int fill_and_rename(int fd, const char *temporary, const char *path,
                           struct str content, mode_t mode, struct fail *why)
{
    if (file_write_all(fd, content.p, content.n, why) < 0)
        return fail_prefix(why, "%s", temporary);
    if (fchmod(fd, mode) < 0)
        return fail_set(why, "change mode of %s: %m", temporary);
    if (fsync(fd) < 0)
        return fail_set(why, "sync %s: %m", temporary);
    if (rename(temporary, path) < 0)
        return fail_set(why, "rename %s to %s: %m", temporary, path);
    return 0;
}

int file_replace(const char *path, struct str content, mode_t mode, struct fail *why)
{
    char *temporary;
    int fd, status;

    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return fail_set(why, "replace %s: %m", path);
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        status = fail_set(why, "create %s: %m", temporary);
    } else {
        status = fill_and_rename(fd, temporary, path, content, mode, why);
        close(fd);
        if (status < 0)
            unlink(temporary);
        else
            status = file_sync_parent(path, why);
    }
    free(temporary);
    return status;
}

int file_make_directories(const char *path, mode_t mode, struct fail *why)
{
    char *copy = strdup(path);
    int status = 0;

    if (copy == NULL)
        return fail_set(why, "make directory %s: %m", path);
    for (char *p = copy + 1; status == 0 && p[-1] != '\0'; p++) {
        char c = *p;

        if (c != '/' && c != '\0')
            continue;
        *p = '\0';
        if (mkdir(copy, mode) < 0 && errno != EEXIST)
            status = fail_set(why, "make directory %s: %m", copy);
        *p = c;
    }
    free(copy);
    return status;
}

/* --- locks ----------------------------------------------------------------- */

static int lock_call(int fd, enum file_lock lock, enum file_lock_style style, bool wait)
{
    static const int flock_how[] = {LOCK_UN, LOCK_SH, LOCK_EX};
    static const short fcntl_how[] = {F_UNLCK, F_RDLCK, F_WRLCK};
    struct flock range = {.l_type = fcntl_how[lock], .l_whence = SEEK_SET};

    if (style == FILE_LOCK_FLOCK)
        return flock(fd, flock_how[lock] | (wait ? 0 : LOCK_NB));
    return fcntl(fd, wait ? F_SETLKW : F_SETLK, &range);
}

int file_lock(int fd, enum file_lock lock, enum file_lock_style style, bool wait,
              struct fail *why)
{
    int status;

    do
        status = lock_call(fd, lock, style, wait);
    while (status < 0 && errno == EINTR);
    if (status == 0)
        return 0;
    if (!wait && (errno == EAGAIN || errno == EACCES)) {
        fail_set(why, "unable to set %s lock: %m",
                 lock == FILE_LOCK_SHARED ? "shared" : "exclusive");
        return 1;
    }
    return fail_set(why, "lock: %m");
}

int file_lock_within(int fd, enum file_lock lock, enum file_lock_style style,
                     int attempts, int delay_ms, struct fail *why)
{
    struct timespec delay = {delay_ms / 1000, (long)(delay_ms % 1000) * 1000000};
    int status = 1;

    for (int i = 0; i < attempts && status == 1; i++) {
        if (i > 0)
            nanosleep(&delay, NULL);
        status = file_lock(fd, lock, style, false, why);
    }
    return status;
}

/* --- opening where others may write ------------------------------------------ */

bool file_link_is_trusted(const char *path)
{
    struct stat link, parent;
    char *copy;
    bool trusted;

    if (lstat(path, &link) < 0 || !S_ISLNK(link.st_mode) || link.st_uid != 0 ||
        (copy = strdup(path)) == NULL)
        return false;
    trusted = stat(dirname(copy), &parent) == 0 && parent.st_uid == 0 &&
              (parent.st_mode & (S_IWGRP | S_IWOTH)) == 0;
    free(copy);
    return trusted;
}

/* Is the open file what its name still says, and reached by no foreign link? */
static int check_opened(int fd, const char *path, struct stat *st, struct fail *why)
{
    struct stat name;

    if (fstat(fd, st) < 0 || lstat(path, &name) < 0)
        return fail_set(why, "cannot look at file: %m");
    if (S_ISDIR(st->st_mode))
        return fail_set(why, "file is a directory");
    if (st->st_nlink != 1)
        return fail_set(why, "file has %lu hard links", (unsigned long)st->st_nlink);
    if (S_ISLNK(name.st_mode)) {
        if (file_link_is_trusted(path))
            return 0;
        return fail_set(why, "file is a symbolic link");
    }
    if (name.st_dev != st->st_dev || name.st_ino != st->st_ino || name.st_nlink != 1 ||
        name.st_mode != st->st_mode)
        return fail_set(why, "file was replaced while it was opened");
    return 0;
}

/*
 * O_NONBLOCK keeps a FIFO from hanging us, and goes again once the file is
 * known to be a plain one.
 */
static int open_existing(const char *path, int flags, struct stat *st, struct fail *why)
{
    int fd = file_open(
        path, (flags & ~(O_CREAT | O_EXCL | O_TRUNC)) | O_NONBLOCK | O_NOCTTY, 0, why);

    if (fd < 0)
        return fail_set(why, "cannot open file: %m");
    if (check_opened(fd, path, st, why) == 0) {
        if ((flags & O_TRUNC) && S_ISREG(st->st_mode) && ftruncate(fd, 0) < 0)
            fail_set(why, "cannot truncate file: %m");
        else if (!S_ISREG(st->st_mode) || (flags & O_NONBLOCK) ||
                 fcntl(fd, F_SETFL, flags & O_APPEND) == 0)
            return fd;
        else
            fail_set(why, "cannot set flags of file: %m");
    }
    close(fd);
    return -1;
}

static int open_new(const char *path, int flags, mode_t mode, struct stat *st,
                    struct fail *why)
{
    int fd = file_open(path, flags | O_EXCL | O_NOFOLLOW, mode, why);

    if (fd < 0)
        return fail_set(why, "cannot create file exclusively: %m");
    if (fstat(fd, st) == 0)
        return fd;
    fail_set(why, "cannot look at file: %m");
    close(fd);
    return -1;
}

int file_open_safely(const char *path, int flags, mode_t mode, struct stat *ret_stat,
                     struct fail *why)
{
    bool creates = flags & O_CREAT, only_new = creates && flags & O_EXCL;
    struct fail reason = {.code = ENOENT};
    struct stat st;
    int fd = -1;

    /* Somebody may create or remove the file between our two tries. */
    for (int attempt = 0; attempt < 10 && fd < 0; attempt++) {
        if (!only_new)
            fd = open_existing(path, flags, &st, &reason);
        if (fd < 0 && reason.code == ENOENT && creates)
            fd = open_new(path, flags, mode, &st, &reason);
        if (only_new || reason.code != EEXIST)
            break;
    }
    if (fd >= 0) {
        *ret_stat = st;
        return fd;
    }
    errno = reason.code;
    fail_set(why, "%s", reason.text);
    if (why != NULL)
        why->code = reason.code;
    return -1;
}
