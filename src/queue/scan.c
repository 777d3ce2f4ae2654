/*
 * Walking a queue: a stack of open directories, one for each level of hash
 * directories, and the path to the entry that is shown.
 *
 * A level may be deeper than $hash_queue_depth says: the setting may have
 * changed since a file came.
 */
#include "queue/spool.h"

#include "util/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { LEVELS = QUEUE_ID_DEPTH_MAX + 1 };

struct spool_scan {
    int flags;
    int depth; /* open directories */
    struct {
        DIR *directory;
        size_t path_bytes; /* of path.p that name it, with the slash */
    } levels[LEVELS];
    struct buf path;
};

/* Open the directory that scan->path names as the next level; 0, or -1 with errno. */
static int enter(struct spool_scan *scan)
{
    int fd = open(buf_text(&scan->path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;

    if (directory == NULL) {
        int code = errno;

        if (fd >= 0)
            close(fd);
        errno = code;
        return -1;
    }
    buf_add_char(&scan->path, '/');
    scan->levels[scan->depth].directory = directory;
    scan->levels[scan->depth].path_bytes = scan->path.n;
    scan->depth++;
    return 0;
}

static void leave(struct spool_scan *scan)
{
    closedir(scan->levels[--scan->depth].directory);
}

struct spool_scan *spool_scan_new(const char *queue, int flags, struct fail *why)
{
    struct spool_scan *scan = calloc(1, sizeof(*scan));

    if (scan == NULL) {
        fail_set(why, "scan %s: %m", queue);
        return NULL;
    }
    scan->flags = flags;
    buf_init(&scan->path, 4096);
    buf_add_text(&scan->path, queue);
    if (enter(scan) < 0) {
        fail_set(why, "open directory %s: %m", queue);
        spool_scan_free(scan);
        return NULL;
    }
    return scan;
}

void spool_scan_free(struct spool_scan *scan)
{
    if (scan == NULL)
        return;
    while (scan->depth > 0)
        leave(scan);
    buf_done(&scan->path);
    free(scan);
}

static bool is_hash_name(const char *name)
{
    return name[1] == '\0' && queue_id_valid(str_of(name));
}

/*
 * Put entry's name behind the path, and go down when it is a hash directory.
 * 1 = it is a file to show, 0 = it is not, -1 = it is a directory that cannot be opened.
 */
static int visit(struct spool_scan *scan, const struct dirent *entry, struct fail *why)
{
    const bool maybe_directory = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;

    buf_cut(&scan->path, scan->levels[scan->depth - 1].path_bytes);
    buf_add_text(&scan->path, entry->d_name);
    if (maybe_directory && is_hash_name(entry->d_name) && scan->depth < LEVELS) {
        if (enter(scan) == 0 || errno == ENOENT)
            return 0;
        if (errno != ENOTDIR || entry->d_type == DT_DIR)
            return fail_set(why, "open directory %s: %m", buf_text(&scan->path));
    }
    if (entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN)
        return 0;
    return queue_id_valid(str_of(entry->d_name)) || (scan->flags & SPOOL_SCAN_ODD_NAMES);
}

int spool_scan_next(struct spool_scan *scan, const char **ret_name, const char **ret_path,
                    struct fail *why)
{
    while (scan->depth > 0) {
        const size_t level = (size_t)scan->depth - 1;
        const struct dirent *entry;
        int shown;

        errno = 0;
        entry = readdir(scan->levels[level].directory);
        if (entry == NULL) {
            int code = errno;

            leave(scan);
            errno = code;
            if (code != 0)
                return fail_set(why, "read directory %.*s: %m",
                                (int)scan->levels[level].path_bytes,
                                buf_text(&scan->path));
            continue;
        }
        if (entry->d_name[0] == '.' &&
            (entry->d_name[1] == '\0' || strcmp(entry->d_name, "..") == 0))
            continue;
        shown = visit(scan, entry, why);
        if (shown < 0)
            return -1;
        if (shown == 0)
            continue;
        *ret_path = buf_text(&scan->path);
        *ret_name = *ret_path + scan->levels[level].path_bytes;
        return 1;
    }
    return 0;
}
