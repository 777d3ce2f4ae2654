/*
 * Writing one queue file, in the order that survives a power cut.
 *
 * The file gets its final name while it is empty: fsync of the file then
 * carries the name too on the file systems that mail servers use, and nothing
 * has to be renamed after the sync (reliability 2, measured).
 */
#include "queue/draft.h"

#include "util/file.h"
#include "util/format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/statfs.h>
#include <unistd.h>

enum {
    FLUSH_BYTES = 65536, /* collected before a write; most messages need one write */
    FIRST_BYTES = 8192,  /* of that at once: a small message does not grow its buffer */
    NAME_ATTEMPTS = 100, /* other drafts may take our name within the same microsecond */
};

/* f_type of file systems whose fsync of a new file carries its name (statfs(2)). */
static const long durable_names[] = {0xef53 /* ext4 */, 0x58465342 /* xfs */,
                                     0x9123683e /* btrfs */};

/* --- creating --- */

static enum spool_names judge_names(int fd)
{
    struct statfs fs;

    if (fstatfs(fd, &fs) == 0)
        for (size_t i = 0; i < COUNT(durable_names); i++)
            if (fs.f_type == (__typeof__(fs.f_type))durable_names[i])
                return SPOOL_NAMES_DURABLE;
    return SPOOL_NAMES_NEED_SYNC; /* also when we cannot tell */
}

/* Give the file at `from` the name `to`, unless that is taken: 0, or -1 with errno. */
static int rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (link(from, to) < 0) /* a file system that knows no RENAME_NOREPLACE */
        return -1;
    return unlink(from);
}

/* The same, making the hash directories above `to` when they are missing. */
static int rename_into(const struct spool *spool, const char *queue, const char *from,
                       const char *to)
{
    char directory[SPOOL_PATH_SIZE];

    if (rename_new(from, to) == 0)
        return 0;
    if (errno != ENOENT || !spool_is_hashed(spool, queue))
        return -1;
    format_text(directory, sizeof(directory), "%.*s", (int)(strrchr(to, '/') - to), to);
    if (file_make_directories(directory, 0700, NULL) < 0)
        return -1;
    return rename_new(from, to);
}

/* Open "<queue>/<usec>.<pid>" under a name that nobody has. */
static int create_unnamed(struct draft *draft, const char *queue, struct fail *why)
{
    for (int i = 0; i < NAME_ATTEMPTS; i++) {
        gettimeofday(&draft->created, NULL);
        format_text(draft->path, sizeof(draft->path), "%.64s/%ld.%ld", queue,
                    (long)draft->created.tv_usec, draft->spool->pid);
        draft->fd = open(draft->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                         SPOOL_MODE_WRITING);
        if (draft->fd >= 0)
            return 0;
        if (errno != EEXIST && errno != EINTR)
            break;
    }
    return fail_set(why, "create %s: %m", draft->path);
}

/* Rename the empty file to its queue id. */
static int name_it(struct draft *draft, const char *queue, struct fail *why)
{
    char path[SPOOL_PATH_SIZE];
    struct stat st;

    if (fstat(draft->fd, &st) < 0)
        return fail_set(why, "stat %s: %m", draft->path);
    for (int i = 0; i < NAME_ATTEMPTS; i++) {
        if (i > 0) /* the id of an older file that has lost its inode to us */
            gettimeofday(&draft->created, NULL);
        queue_id_make(draft->created, st.st_ino, draft->spool->long_ids, draft->id);
        spool_path(draft->spool, queue, draft->id, path);
        if (rename_into(draft->spool, queue, draft->path, path) == 0) {
            memcpy(draft->path, path, sizeof(path));
            return 0;
        }
        if (errno != EEXIST)
            break;
    }
    return fail_set(why, "rename %s to %s: %m", draft->path, path);
}

int draft_create(struct draft *draft, struct spool *spool, const char *queue,
                 struct fail *why)
{
    *draft = (struct draft){.spool = spool, .fd = -1};
    buf_init(&draft->out, FLUSH_BYTES + 2 * (RECORD_DATA_MAX + RECORD_HEADER_MAX));
    buf_reserve(&draft->out, FIRST_BYTES);
    if (create_unnamed(draft, queue, why) < 0) {
        draft->path[0] = '\0';
        draft_abandon(draft);
        return -1;
    }
    if (name_it(draft, queue, why) < 0) {
        draft_abandon(draft);
        return -1;
    }
    if (spool->names == SPOOL_NAMES_UNKNOWN)
        spool->names = judge_names(draft->fd);
    draft->sync_directory = spool->names != SPOOL_NAMES_DURABLE;
    return 0;
}

/* --- writing --- */

off_t draft_offset(const struct draft *draft)
{
    return draft->written + (off_t)draft->out.n;
}

const struct fail *draft_failed(const struct draft *draft)
{
    return draft->failed.text[0] ? &draft->failed : NULL;
}

/* Write out what is collected; failures stick. */
static void write_out(struct draft *draft)
{
    if (draft->out.n == 0 || draft_failed(draft))
        return;
    if (draft->limit > 0 && draft_offset(draft) > draft->limit) {
        errno = EFBIG;
        fail_set(&draft->failed, "write %s: %m", draft->path);
        return;
    }
    if (file_pwrite_all(draft->fd, draft->out.p, draft->out.n, draft->written,
                        &draft->failed) < 0) {
        fail_prefix(&draft->failed, "%s", draft->path);
        return;
    }
    draft->written += (off_t)draft->out.n;
    buf_reset(&draft->out);
}

/* After each append: keep the buffer small. What cannot be written is dropped. */
static void appended(struct draft *draft)
{
    if (draft->out.n >= FLUSH_BYTES)
        write_out(draft);
    if (draft_failed(draft))
        buf_reset(&draft->out);
}

void draft_add(struct draft *draft, int type, struct str data)
{
    record_add(&draft->out, type, data);
    appended(draft);
}

void draft_add_text(struct draft *draft, int type, const char *text)
{
    draft_add(draft, type, str_of(text));
}

void draft_printf(struct draft *draft, int type, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    record_vprintf(&draft->out, type, format, args);
    va_end(args);
    appended(draft);
}

void draft_add_attribute(struct draft *draft, const char *name, const char *value)
{
    record_add_attribute(&draft->out, name, value);
    appended(draft);
}

void draft_add_attribute_number(struct draft *draft, const char *name, long value)
{
    record_add_attribute_number(&draft->out, name, value);
    appended(draft);
}

void draft_add_size(struct draft *draft, const struct size_record *size)
{
    record_add_size(&draft->out, size);
    appended(draft);
}

void draft_add_bytes(struct draft *draft, struct str bytes)
{
    while (bytes.n > 0) {
        buf_add_str(&draft->out, str_head(bytes, FLUSH_BYTES));
        bytes = str_tail(bytes, FLUSH_BYTES);
        appended(draft);
    }
}

void draft_patch(struct draft *draft, off_t at, const void *p, size_t n)
{
    if (draft_failed(draft))
        return;
    if (at >= draft->written) {
        memcpy(draft->out.p + (at - draft->written), p, n);
        return;
    }
    if (at + (off_t)n > draft->written)
        write_out(draft);
    if (!draft_failed(draft) && file_pwrite_all(draft->fd, p, n, at, &draft->failed) < 0)
        fail_prefix(&draft->failed, "%s", draft->path);
}

int draft_flush(struct draft *draft, struct fail *why)
{
    write_out(draft);
    if (draft_failed(draft)) {
        if (why)
            *why = draft->failed;
        return -1;
    }
    return 0;
}

/* --- ending --- */

static int move_to(struct draft *draft, const char *queue, struct fail *why)
{
    char path[SPOOL_PATH_SIZE];

    spool_path(draft->spool, queue, draft->id, path);
    if (rename_into(draft->spool, queue, draft->path, path) < 0)
        return fail_set(why, "rename %s to %s: %m", draft->path, path);
    memcpy(draft->path, path, sizeof(path));
    return 0;
}

/* The group of the set-gid commands may put names into maildrop/, but not open it. */
static int sync_name(const struct draft *draft, int fd, struct fail *why)
{
    if (file_sync_parent(draft->path, why) == 0)
        return 0;
    if (why->code != EACCES)
        return -1;
    return syncfs(fd) < 0 ? fail_set(why, "sync the file system of %s: %m", draft->path)
                          : 0;
}

/* From collected bytes to a durable, complete file; the descriptor is closed on success.
 */
static int complete(struct draft *draft, mode_t mode, const char *final_queue,
                    struct fail *why)
{
    int fd = draft->fd;

    if (draft_flush(draft, why) < 0)
        return -1;
    if (final_queue && move_to(draft, final_queue, why) < 0)
        return -1;
    if (fchmod(fd, mode) < 0)
        return fail_set(why, "change mode of %s: %m", draft->path);
    if (fsync(fd) < 0)
        return fail_set(why, "sync %s: %m", draft->path);
    if (draft->sync_directory && sync_name(draft, fd, why) < 0)
        return -1;
    draft->fd = -1;
    if (close(fd) < 0)
        return fail_set(why, "close %s: %m", draft->path);
    return 0;
}

int draft_finish(struct draft *draft, mode_t mode, const char *final_queue,
                 struct fail *why)
{
    if (complete(draft, mode, final_queue, why) < 0) {
        draft_abandon(draft);
        return -1;
    }
    draft->path[0] = '\0'; /* the file is no longer ours to remove */
    buf_done(&draft->out);
    return 0;
}

void draft_abandon(struct draft *draft)
{
    if (draft->path[0])
        unlink(draft->path);
    draft->path[0] = '\0';
    if (draft->fd > 0)
        close(draft->fd);
    draft->fd = -1;
    buf_done(&draft->out);
}
