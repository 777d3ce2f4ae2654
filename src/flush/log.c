/*
 * The log of a site: a file in flush/ with one queue id a line, named as the
 * site with all but letters and digits made '_' (two sites may share one: each
 * then retries the other's mail, which does no harm).
 *
 * Agents only append, under an exclusive lock; whoever sends holds the same lock
 * until the file is empty again, so that nothing is forgotten in between. It is
 * a hint: after a crash messages are retried late, at their own time.
 */
#include "flush/flush.h"

#include "util/file.h"
#include "util/log.h"
#include "util/map.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum {
    LOG_BYTES_MAX = 64 << 20, /* what is beyond is retried at its own time */
    TAIL_BYTES = 64,          /* where a message that was deferred again is looked for */
};

static int file_name(struct flusher *flusher, const char *site, const char **ret,
                     struct fail *why)
{
    char *name = arena_copy(flusher->arena, site);

    for (char *p = name; *p; p++)
        *p = isalnum((unsigned char)*p) && (unsigned char)*p < 0x80
                 ? (char)tolower((unsigned char)*p)
                 : '_';
    *ret = name;
    if (!queue_id_valid(str_of(name)))
        return fail_set(why, "bad site name: \"%s\"", site);
    return 0;
}

/* Open and lock; -1 with why->code ENOENT when there is none. */
static int open_locked(struct flusher *flusher, const char *name, int flags,
                       struct fail *why)
{
    char path[SPOOL_PATH_SIZE];
    int fd;

    spool_path(&flusher->spool, QUEUE_FLUSH, name, path);
    if (flags & O_CREAT)
        fd = spool_open_log(&flusher->spool, QUEUE_FLUSH, name, why);
    else
        fd = file_open(path, O_RDWR | O_NOFOLLOW, 0, why);
    if (fd < 0)
        return -1;
    if (file_lock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FLOCK, true, why) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A message with many recipients at one site comes many times in a row. */
static bool was_added_last(int fd, const char *line)
{
    char tail[TAIL_BYTES];
    off_t size = lseek(fd, 0, SEEK_END);
    size_t n = strlen(line);

    return size >= (off_t)n && n <= sizeof(tail) &&
           pread(fd, tail, n, size - (off_t)n) == (ssize_t)n &&
           memcmp(tail, line, n) == 0;
}

int log_add(struct flusher *flusher, const char *site, const char *queue_id,
            struct fail *why)
{
    const char *name, *line = arena_printf(flusher->arena, "%s\n", queue_id);
    int fd, result = 0;

    if (!queue_id_valid(str_of(queue_id)))
        return fail_set(why, "bad queue id: \"%s\"", queue_id);
    if (file_name(flusher, site, &name, why) < 0)
        return -1;
    fd = open_locked(flusher, name, O_CREAT, why);
    if (fd < 0)
        return -1;
    if (!was_added_last(fd, line))
        result = file_write_all(fd, line, strlen(line), why);
    close(fd);
    return result;
}

/* --- sending --- */

static int read_all(struct flusher *flusher, int fd, struct str *ret, struct fail *why)
{
    off_t size = lseek(fd, 0, SEEK_END);
    size_t n = size < 0 ? 0 : size > LOG_BYTES_MAX ? LOG_BYTES_MAX : (size_t)size;
    char *text = arena_alloc(flusher->arena, n + 1);
    ssize_t got = pread(fd, text, n, 0);

    if (got < 0)
        return fail_set(why, "read %s log: %m", QUEUE_FLUSH);
    *ret = str_from(text, (size_t)got);
    return 0;
}

/* Every message once, however often it was deferred. */
static void retry_each(struct flusher *flusher, struct str ids)
{
    struct map *seen = map_new();
    struct str id;
    struct fail why;

    while ((id = str_word(&ids, "\n")).n > 0) {
        if (!queue_id_valid(id) || map_get(seen, id))
            continue;
        map_set(seen, id, flusher);
        if (message_retry(flusher, arena_copy_str(flusher->arena, id), &why) < 0)
            log_warning("%s", why.text);
    }
    map_free(seen, NULL);
}

static int send_file(struct flusher *flusher, const char *name, struct fail *why)
{
    struct str ids;
    int fd = open_locked(flusher, name, 0, why), result;

    if (fd < 0)
        return why->code == ENOENT ? 0 : -1;
    result = read_all(flusher, fd, &ids, why);
    if (result == 0) {
        retry_each(flusher, ids);
        if (ftruncate(fd, 0) < 0)
            result = fail_set(why, "truncate %s/%s: %m", QUEUE_FLUSH, name);
    }
    close(fd);
    return result;
}

int log_send(struct flusher *flusher, const char *site, struct fail *why)
{
    const char *name;

    if (file_name(flusher, site, &name, why) < 0)
        return -1;
    return send_file(flusher, name, why);
}

/* --- from time to time --- */

static void refresh(struct flusher *flusher, const char *name)
{
    struct stat st;
    struct fail why;
    time_t age;

    if (spool_stat(&flusher->spool, QUEUE_FLUSH, name, &st, &why) != 1)
        return;
    age = time(NULL) - st.st_mtime;
    if (st.st_size > 0 && age >= flusher->conf->fast_flush_refresh_time) {
        if (send_file(flusher, name, &why) < 0)
            log_warning("%s", why.text);
    } else if (st.st_size == 0 && age >= flusher->conf->fast_flush_purge_time) {
        if (spool_remove(&flusher->spool, QUEUE_FLUSH, name, &why) < 0)
            log_warning("%s", why.text);
    }
}

void log_refresh_all(struct flusher *flusher)
{
    struct fail why;
    struct spool_scan *scan = spool_scan_new(QUEUE_FLUSH, 0, &why);
    const char *name, *path;
    int more;

    if (scan == NULL) {
        log_warning("%s", why.text);
        return;
    }
    while ((more = spool_scan_next(scan, &name, &path, &why)) != 0)
        if (more > 0)
            refresh(flusher, name);
        else
            log_warning("%s", why.text);
    spool_scan_free(scan);
}
