/*
 * Handing one deferred message back to the queue manager: its time is now, the
 * group-read bit says to forget which destinations were dead, and the rename is
 * last, so that whoever finds it in incoming/ finds it complete.
 */
#include "flush/flush.h"

#include <fcntl.h>
#include <sys/stat.h>

int message_retry(struct flusher *flusher, const char *queue_id, struct fail *why)
{
    char path[SPOOL_PATH_SIZE];
    struct stat st;
    int result = spool_stat(&flusher->spool, QUEUE_DEFERRED, queue_id, &st, why);

    if (result <= 0 || !spool_is_ready(&st))
        return result < 0 ? -1 : 0;
    spool_path(&flusher->spool, QUEUE_DEFERRED, queue_id, path);
    if (chmod(path, (st.st_mode & 0777) | SPOOL_BIT_UNTHROTTLE) < 0)
        return fail_set(why, "change mode of %s: %m", path);
    if (utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_set(why, "set time of %s: %m", path);
    result = spool_move(&flusher->spool, queue_id, QUEUE_DEFERRED, QUEUE_INCOMING, why);
    flusher->moved |= result > 0;
    return result;
}
