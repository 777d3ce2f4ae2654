/*
 * One Maildir delivery. File names hold what makes them unique without asking
 * anyone: device and inode number of the file itself, the time to the
 * microsecond, and the host (compat: the form of Postfix's, which other programs
 * may parse).
 */
#include "deliver/maildir.h"

#include "deliver/rights.h"
#include "util/file.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct message_file {
    const struct maildir *maildir;
    struct arena *arena;
    struct timeval now;
    const char *tmp; /* its path below tmp/ */
    bool made_folders;
    int fd;
    struct refusal *refusal;
};

static int refuse(struct message_file *f, int code)
{
    f->refusal->kind = COPY_NOT_WRITTEN;
    f->refusal->status = refusal_status(code);
    return -1;
}

/* --- folders --------------------------------------------------------------------- */

static int make_folders(struct message_file *f)
{
    static const char *const names[] = {"tmp", "new", "cur"};
    struct fail *why = &f->refusal->why;

    f->made_folders = true;
    for (size_t i = 0; i < COUNT(names); i++)
        if (file_make_directories(
                arena_printf(f->arena, "%s%s", f->maildir->path, names[i]), 0700, why) <
            0)
            return -1;
    return 0;
}

/* The names of folders that were just made must last like the file's. */
static int settle_folders(struct message_file *f, const struct stat *st)
{
    struct fail *why = &f->refusal->why;
    const char *root = arena_copy_str(
        f->arena, str_head(str_of(f->maildir->path), strlen(f->maildir->path) - 1));

    if (!f->made_folders)
        return 0;
    if (durable_directory(f->maildir->durable, f->maildir->path, st, why) < 0)
        return -1;
    if (durable_parent(f->maildir->durable, root, st, why) < 0 && why->code != EACCES)
        return -1;
    return 0;
}

/* --- the file ---------------------------------------------------------------------- */

static int create_tmp(struct message_file *f)
{
    f->fd = open(f->tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (f->fd >= 0)
        return 0;
    fail_set(&f->refusal->why, "create maildir file %s: %m", f->tmp);
    return -1;
}

/*
 * A name in tmp/ that exists is of an earlier process with our number that
 * died in this very second; it is replaced, as it was never told to be delivered.
 */
static int open_tmp(struct message_file *f)
{
    struct fail first;

    if (create_tmp(f) == 0)
        return 0;
    first = f->refusal->why;
    if (first.code == EEXIST) {
        if (unlink(f->tmp) == 0 && create_tmp(f) == 0)
            return 0;
    } else if (first.code == ENOENT && make_folders(f) == 0 && create_tmp(f) == 0) {
        return 0;
    }
    if (first.code == ENOENT && f->refusal->why.code != ENOENT)
        first.code = f->refusal->why.code;
    errno = first.code;
    fail_set(&f->refusal->why, "create maildir file %s: %m", f->tmp);
    return refuse(f, first.code);
}

static int write_tmp(struct message_file *f, const struct copy *copy, struct stat *ret_st)
{
    struct fail *why = &f->refusal->why;
    long long limit = f->maildir->size_limit;
    enum copy_result result = copy_to_file(copy, f->fd, limit ? limit : -1, why);
    int code = why->code;

    if (result != COPY_DONE && result != COPY_NOT_WRITTEN) {
        f->refusal->kind = result;
        return -1;
    }
    if (result == COPY_DONE) {
        if (fsync(f->fd) == 0 && fstat(f->fd, ret_st) == 0)
            return 0;
        code = errno;
        fail_set(why, "%m");
    }
    fail_prefix(why, "error writing message");
    return refuse(f, code);
}

/* Never over an existing file. Not every file system can do it in one step. */
static int move(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (link(from, to) < 0)
        return -1;
    if (unlink(from) < 0)
        log_warning("remove %s: %m", from);
    return 0;
}

static int publish(struct message_file *f, const struct stat *st)
{
    struct fail *why = &f->refusal->why;
    const char *folder = arena_printf(f->arena, "%snew", f->maildir->path);
    const char *name = arena_printf(f->arena, "%s/%lu.V%lxI%lxM%lu.%s", folder,
                                    (unsigned long)f->now.tv_sec,
                                    (unsigned long)st->st_dev, (unsigned long)st->st_ino,
                                    (unsigned long)f->now.tv_usec, f->maildir->hostname);

    if (move(f->tmp, name) < 0 &&
        (errno != ENOENT || make_folders(f) < 0 || move(f->tmp, name) < 0)) {
        int code = errno;

        fail_set(why, "create maildir file %s: %m", name);
        return refuse(f, code);
    }
    if (durable_directory(f->maildir->durable, folder, st, why) < 0 ||
        settle_folders(f, st) < 0)
        return refuse(f, EIO);
    return 0;
}

static int deliver(struct message_file *f, const struct copy *copy)
{
    struct stat st;
    int result;

    if (open_tmp(f) < 0)
        return -1;
    result = write_tmp(f, copy, &st);
    if (result == 0)
        result = publish(f, &st);
    close(f->fd);
    if (result < 0)
        unlink(f->tmp);
    return result;
}

int maildir_deliver(const struct maildir *maildir, const struct copy *copy,
                    struct refusal *ret)
{
    struct message_file f = {
        .maildir = maildir,
        .arena = copy->delivery->arena,
        .now = clock_wall(&clock_system),
        .fd = -1,
        .refusal = ret,
    };

    f.tmp = arena_printf(f.arena, "%stmp/%lu.P%d.%s", maildir->path,
                         (unsigned long)f.now.tv_sec, (int)getpid(), maildir->hostname);
    rights_take(copy->delivery, maildir->owner);
    return deliver(&f, copy);
}
