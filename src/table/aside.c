/* Files aside, their names, their locks. */
#include "table/aside.h"

#include "util/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { OPEN_ATTEMPTS = 10, COPY_BYTES = 1 << 30 };

static int lock_exclusive(int fd, struct fail *why)
{
    int locked = file_lock_within(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FLOCK,
                                  ASIDE_LOCK_ATTEMPTS, ASIDE_LOCK_DELAY_MS, why);

    return locked > 0 ? fail_set(why, "it stays locked by another process") : locked;
}

/* Is fd still the file at path? */
static bool is_current(int fd, const char *path)
{
    struct stat open_one, named;

    return fstat(fd, &open_one) == 0 && stat(path, &named) == 0 &&
           open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

/* Open and lock the index that exists, whichever has the name once we hold the lock. */
static int lock_index(struct table_writer *writer, struct aside *aside, struct fail *why)
{
    for (int i = 0; i < OPEN_ATTEMPTS; i++) {
        aside->lock_fd = open(writer->path, O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (aside->lock_fd < 0)
            return fail_set(why, "open database %s: %m", writer->path);
        if (lock_exclusive(aside->lock_fd, why) < 0)
            return fail_prefix(why, "lock %s", writer->path);
        if (is_current(aside->lock_fd, writer->path))
            return 0;
        close(aside->lock_fd);
        aside->lock_fd = -1;
    }
    return fail_set(why, "open database %s: it changes again and again", writer->path);
}

void aside_forget(struct aside *aside)
{
    if (aside->temporary)
        unlink(aside->temporary);
    if (aside->lock_fd >= 0)
        close(aside->lock_fd);
    if (aside->fd >= 0)
        close(aside->fd);
    aside->lock_fd = aside->fd = -1;
    aside->temporary = NULL;
}

/* --- the temporary ------------------------------------------------------------------
 *
 * INDEX.PID.tmp, locked by who fills it: what nobody has locked was left behind by a
 * process that was killed, and the next who makes an index removes it.
 */

static bool is_temporary_of(struct str name, struct str index)
{
    struct str rest = str_tail(name, index.n);
    size_t digits;

    if (!str_eq(str_head(name, index.n), index) || rest.n == 0 || rest.p[0] != '.')
        return false;
    rest = str_tail(rest, 1);
    digits = str_span(rest, "0123456789");
    return digits > 0 && str_is(str_tail(rest, digits), ".tmp");
}

static void remove_when_left(int directory, const char *name)
{
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return;
    if (file_lock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FLOCK, false, NULL) == 0)
        (void)unlinkat(directory, name, 0);
    close(fd);
}

static void remove_left(struct table_writer *writer)
{
    struct str path = str_of(writer->path), index = path;
    size_t slash = str_find_last(path, '/');
    const char *folder = ".";
    struct dirent *entry;
    DIR *directory;

    if (slash < path.n) {
        folder = arena_copy_str(writer->arena, str_head(path, slash + 1));
        index = str_tail(path, slash + 1);
    }
    directory = opendir(folder);
    while (directory && (entry = readdir(directory)) != NULL)
        if (is_temporary_of(str_of(entry->d_name), index))
            remove_when_left(dirfd(directory), entry->d_name);
    if (directory)
        closedir(directory);
}

/* A new file, locked; -1 and errno. Somebody who removes what is left may take it for
 * that, until it is locked. */
static int open_temporary(const char *name, mode_t mode)
{
    for (int i = 0; i < OPEN_ATTEMPTS; i++) {
        int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);

        if (fd < 0)
            return -1;
        if (file_lock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FLOCK, false, NULL) == 0 &&
            is_current(fd, name))
            return fd;
        close(fd);
        unlink(name);
    }
    errno = EAGAIN;
    return -1;
}

/* Make the empty file that is to be filled. 1 = we may not, 0 = made. */
static int make_temporary(struct table_writer *writer, struct aside *aside, mode_t mode,
                          struct fail *why)
{
    const char *name =
        arena_printf(writer->arena, "%s.%ld.tmp", writer->path, (long)getpid());
    int fd, error;

    remove_left(writer);
    fd = open_temporary(name, mode);
    error = errno;
    if (fd < 0 && (error == EACCES || error == EPERM) &&
        euidaccess(writer->path, W_OK) == 0)
        return 1;
    errno = error;
    if (fd < 0)
        return fail_set(why, "open database %s: %m", writer->path);
    aside->temporary = name;
    aside->fd = fd;
    if (fchmod(fd, mode) < 0)
        return fail_set(why, "set the mode of %s: %m", name);
    return 0;
}

const char *aside_name(struct table_writer *writer, const struct aside *aside)
{
    const char *safe;

    if (aside->temporary == NULL)
        return writer->path;
    safe = arena_printf(writer->arena, "/proc/self/fd/%d", aside->fd);
    return access(safe, F_OK) == 0 ? safe : aside->temporary;
}

/* All of the index that we hold locked, with its mode and, where we can, its owner. 1 =
 * we may not make files there. */
static int copy_index(struct table_writer *writer, struct aside *aside, struct fail *why)
{
    struct stat st;
    int result;
    ssize_t n;

    if (fstat(aside->lock_fd, &st) < 0)
        return fail_set(why, "%s: %m", writer->path);
    result = make_temporary(writer, aside, st.st_mode & ALLPERMS, why);
    if (result != 0)
        return result;
    do
        n = copy_file_range(aside->lock_fd, NULL, aside->fd, NULL, COPY_BYTES, 0);
    while (n > 0);
    if (n < 0 || (geteuid() == 0 && fchown(aside->fd, st.st_uid, st.st_gid) < 0))
        return fail_set(why, "copy %s: %m", writer->path);
    return 0;
}

int aside_open(struct table_writer *writer, enum aside_change change, struct aside *ret,
               struct fail *why)
{
    const struct table_writer_options *options = &writer->options;
    bool create = options->mode == TABLE_CREATE ||
                  (!options->must_exist && euidaccess(writer->path, F_OK) < 0);
    int in_place = 1;

    *ret = (struct aside){.lock_fd = -1, .fd = -1, .is_filled = !create};
    if (create)
        in_place = make_temporary(writer, ret, options->file_mode, why);
    if (in_place > 0 && lock_index(writer, ret, why) < 0)
        return -1;
    if (!create && change == ASIDE_COPY)
        in_place = copy_index(writer, ret, why);
    return in_place < 0 ? -1 : 0;
}

bool aside_is_new(const struct aside *aside)
{
    return aside->temporary != NULL;
}

int aside_finish(struct table_writer *writer, struct aside *aside, struct fail *why)
{
    if (fsync(aside->temporary ? aside->fd : aside->lock_fd) < 0)
        return fail_set(why, "sync %s: %m", writer->path);
    if (!aside->temporary)
        return 0;
    /* who is changing a copy of the old index would put it in the new one's place */
    if (aside->lock_fd < 0 && euidaccess(writer->path, W_OK) == 0 &&
        lock_index(writer, aside, why) < 0)
        return -1;
    if (rename(aside->temporary, writer->path) < 0)
        return fail_set(why, "rename to %s: %m", writer->path);
    aside->temporary = NULL;
    if (file_lock(aside->fd, FILE_UNLOCK, FILE_LOCK_FLOCK, false, why) < 0) /* readers */
        return fail_prefix(why, "%s", writer->path);
    return file_sync_parent(writer->path, why);
}
