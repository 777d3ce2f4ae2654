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

int file_read(const char *path, size_t max, struct arena *arena, struct str *ret,
              struct fail *why)
{
    struct buf b;
    int fd = file_open(path, O_RDONLY | O_NOCTTY, 0, why), status;

    if (fd < 0)
        return -1;
    buf_init(&b, max < SIZE_MAX / 2 ? max + 65536 : max);
    status = read_all(fd, max, &b, why);
    close(fd);
    if (status == 0)
        *ret = str_from(arena_copy_str(arena, buf_str(&b)), b.n);
    else
        fail_prefix(why, "%s", path);
    buf_done(&b);
    return status;
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
