/*
 * Paths of queue files, and what is done with one file by its name.
 *
 * Hash directories are made when a rename or a new log finds them missing,
 * so that a changed hash_queue_depth needs no preparation.
 */
#include "queue/spool.h"

#include "util/file.h"
#include "util/format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const struct str queues[] = {
    STR(QUEUE_MAILDROP), STR(QUEUE_INCOMING), STR(QUEUE_ACTIVE), STR(QUEUE_DEFERRED),
    STR(QUEUE_HOLD),     STR(QUEUE_CORRUPT),  STR(QUEUE_BOUNCE), STR(QUEUE_DEFER),
    STR(QUEUE_TRACE),    STR(QUEUE_FLUSH),
};

/* The bit of a queue, 0 for what is none. */
static unsigned queue_bit(struct str name)
{
    for (size_t i = 0; i < COUNT(queues); i++)
        if (str_eq(name, queues[i]))
            return 1U << i;
    return 0;
}

static unsigned queue_bits(const char *names)
{
    struct str rest = str_of(names), name;
    unsigned bits = 0;

    while ((name = str_word(&rest, ", \t\r\n")).n > 0)
        bits |= queue_bit(name);
    return bits;
}

void spool_init(struct spool *spool, const char *hash_names, int hash_depth,
                bool long_ids)
{
    *spool = (struct spool){
        .hashed = queue_bits(hash_names),
        .hash_depth = hash_depth < 0                    ? 0
                      : hash_depth > QUEUE_ID_DEPTH_MAX ? QUEUE_ID_DEPTH_MAX
                                                        : hash_depth,
        .long_ids = long_ids,
        .pid = (long)getpid(),
    };
}

bool spool_is_hashed(const struct spool *spool, const char *queue)
{
    return spool->hash_depth > 0 && (spool->hashed & queue_bit(str_of(queue)));
}

char *spool_path(const struct spool *spool, const char *queue, const char *id,
                 char ret[SPOOL_PATH_SIZE])
{
    char directories[QUEUE_ID_DEPTH_MAX + 1] = "";
    size_t n = (size_t)format_text(ret, SPOOL_PATH_SIZE, "%.64s/", queue);

    if (spool_is_hashed(spool, queue))
        queue_id_hash(str_of(id), spool->hash_depth, directories);
    for (size_t i = 0; directories[i]; i++) {
        ret[n++] = directories[i];
        ret[n++] = '/';
    }
    format_text(ret + n, SPOOL_PATH_SIZE - n, "%.255s", id);
    return ret;
}

/* Make the hash directories above path, which spool_path made. */
static int make_directories(const char *path, struct fail *why)
{
    char directory[SPOOL_PATH_SIZE];
    const char *slash = strrchr(path, '/');

    snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
    return file_make_directories(directory, 0700, why);
}

int spool_open(const struct spool *spool, const char *queue, const char *id, int flags,
               int *ret_fd, struct fail *why)
{
    char path[SPOOL_PATH_SIZE];
    struct stat st;
    int fd = open(spool_path(spool, queue, id, path),
                  flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return fail_set(why, "open %s: %m", path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return fail_set(why, "%s is not a regular file", path);
    }
    *ret_fd = fd;
    return 1;
}

int spool_stat(const struct spool *spool, const char *queue, const char *id,
               struct stat *ret, struct fail *why)
{
    char path[SPOOL_PATH_SIZE];
    struct stat st;

    if (lstat(spool_path(spool, queue, id, path), &st) < 0)
        return errno == ENOENT ? 0 : fail_set(why, "stat %s: %m", path);
    if (!S_ISREG(st.st_mode))
        return fail_set(why, "%s is not a regular file", path);
    *ret = st;
    return 1;
}

int spool_find(const struct spool *spool, const char *id, const char **ret_queue,
               struct stat *ret, struct fail *why)
{
    static const char *const searched[] = {QUEUE_INCOMING, QUEUE_ACTIVE,   QUEUE_DEFERRED,
                                           QUEUE_HOLD,     QUEUE_MAILDROP, QUEUE_CORRUPT};

    for (size_t i = 0; i < COUNT(searched); i++) {
        int found = spool_stat(spool, searched[i], id, ret, why);

        if (found > 0)
            *ret_queue = searched[i];
        if (found != 0)
            return found;
    }
    return 0;
}

bool spool_is_ready(const struct stat *st)
{
    return S_ISREG(st->st_mode) && (st->st_mode & S_IRWXU) == S_IRWXU;
}

int spool_move(const struct spool *spool, const char *id, const char *from,
               const char *to, struct fail *why)
{
    char old_path[SPOOL_PATH_SIZE], new_path[SPOOL_PATH_SIZE];

    spool_path(spool, from, id, old_path);
    spool_path(spool, to, id, new_path);
    if (rename(old_path, new_path) == 0)
        return 1;
    if (errno == ENOENT && spool_is_hashed(spool, to)) {
        if (make_directories(new_path, why) < 0)
            return -1;
        if (rename(old_path, new_path) == 0)
            return 1;
    }
    if (errno == ENOENT)
        return 0;
    return fail_set(why, "rename %s to %s: %m", old_path, new_path);
}

int spool_defer(const struct spool *spool, const char *id, time_t next_attempt,
                struct fail *why)
{
    const struct timespec times[2] = {{.tv_sec = next_attempt}, {.tv_sec = next_attempt}};
    char path[SPOOL_PATH_SIZE];

    spool_path(spool, QUEUE_ACTIVE, id, path);
    if (utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : fail_set(why, "set time of %s: %m", path);
    return spool_move(spool, id, QUEUE_ACTIVE, QUEUE_DEFERRED, why);
}

int spool_remove(const struct spool *spool, const char *queue, const char *id,
                 struct fail *why)
{
    char path[SPOOL_PATH_SIZE];

    if (unlink(spool_path(spool, queue, id, path)) == 0)
        return 1;
    return errno == ENOENT ? 0 : fail_set(why, "remove %s: %m", path);
}

int spool_remove_logs(const struct spool *spool, const char *id, struct fail *why)
{
    static const char *const logs[] = {QUEUE_BOUNCE, QUEUE_DEFER, QUEUE_TRACE};
    int removed = 0;

    for (size_t i = 0; i < COUNT(logs); i++) {
        int one = spool_remove(spool, logs[i], id, why);

        if (one < 0)
            return -1;
        removed += one;
    }
    return removed;
}

int spool_open_log(const struct spool *spool, const char *queue, const char *id,
                   struct fail *why)
{
    const int flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    char path[SPOOL_PATH_SIZE];
    int fd = open(spool_path(spool, queue, id, path), flags, SPOOL_MODE_WRITING);

    if (fd < 0 && errno == ENOENT && spool_is_hashed(spool, queue)) {
        if (make_directories(path, why) < 0)
            return -1;
        fd = open(path, flags, SPOOL_MODE_WRITING);
    }
    return fd >= 0 ? fd : fail_set(why, "open %s: %m", path);
}

int spool_claim_log(const struct spool *spool, const char *queue, const char *id,
                    int *ret_fd, struct fail *why)
{
    struct stat st;
    int fd, found = spool_open(spool, queue, id, O_RDONLY, &fd, why);

    if (found <= 0)
        return found;
    if (file_lock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FLOCK, false, why) != 0) {
        close(fd);
        return fail_prefix(why, "%s log of %s", queue, id);
    }
    if (fstat(fd, &st) == 0 && st.st_nlink == 0) { /* whoever had it was done with it */
        close(fd);
        return 0;
    }
    *ret_fd = fd;
    return 1;
}
