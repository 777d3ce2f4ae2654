/*
 * Files that name destinations: .forward and :include:. They belong to users,
 * who may have put anything in their place, so they are opened as that user
 * and looked at before they are read.
 */
#include "local/local.h"

#include "deliver/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { LIST_BYTES_MAX = 1 << 26 };

static int check(const char *path, const struct stat *st, struct fail *why)
{
    if (!S_ISREG(st->st_mode))
        return fail_set(why, "file %s is not a regular file", path);
    if (st->st_mode & S_IWOTH)
        return fail_set(why, "file %s is world writable", path);
    return 0;
}

static int read_open(const char *path, int fd, struct arena *arena, struct str *ret,
                     struct stat *st, struct fail *why)
{
    char *p;
    size_t n = 0;
    ssize_t done = 1;

    if (fstat(fd, st) < 0)
        return fail_set(why, "look at %s: %m", path);
    if (check(path, st, why) < 0)
        return -1;
    if (st->st_size > LIST_BYTES_MAX)
        return fail_set(why, "file %s is larger than %d bytes", path, LIST_BYTES_MAX);
    p = arena_alloc(arena, (size_t)st->st_size + 1);
    while (done > 0 && n < (size_t)st->st_size) {
        done = read(fd, p + n, (size_t)st->st_size - n);
        if (done < 0 && errno == EINTR)
            done = 1;
        else if (done > 0)
            n += (size_t)done;
    }
    if (done < 0)
        return fail_set(why, "read %s: %m", path);
    *ret = str_from(p, n);
    return 1;
}

/* A last symbolic link is no plain file, whoever made it; neither may reading hang. */
static int open_and_read(const char *path, struct arena *arena, struct str *ret,
                         struct stat *st, struct fail *why)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int result;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (fd < 0 && errno == ELOOP)
        return fail_set(why, "file %s is not a regular file", path);
    if (fd < 0)
        return fail_set(why, "cannot open file %s: %m", path);
    result = read_open(path, fd, arena, ret, st, why);
    close(fd);
    return result;
}

int list_read(struct attempt *attempt, const char *path, struct rights rights,
              struct str *ret, struct stat *ret_stat, struct fail *why)
{
    rights_take(attempt->delivery, rights);
    return open_and_read(path, attempt->arena, ret, ret_stat, why);
}
