/*
 * Files: opening with care, whole reads and writes, locks, syncs.
 * Descriptors are always close-on-exec.
 */
#ifndef UTIL_FILE_H
#define UTIL_FILE_H

#include "util/arena.h"
#include "util/attributes.h"
#include "util/buf.h"
#include "util/fail.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* open(2) with O_CLOEXEC and retry on EINTR; returns the descriptor or -1. */
int file_open(const char *path, int flags, mode_t mode, struct fail *why) MUST_CHECK;

/* All of p, retrying short writes and EINTR. */
int file_write_all(int fd, const void *p, size_t n, struct fail *why) MUST_CHECK;
int file_pwrite_all(int fd, const void *p, size_t n, off_t at,
                    struct fail *why) MUST_CHECK;

/* The whole file at path, at most max bytes (more is an error), NUL-terminated, in arena.
 */
int file_read(const char *path, size_t max, struct arena *arena, struct str *ret,
              struct fail *why) MUST_CHECK;
/* The same of a file that is open, from where it stands; *why does not name it. */
int file_read_open(int fd, size_t max, struct arena *arena, struct str *ret,
                   struct fail *why) MUST_CHECK;

/*
 * Replace the file at path: write beside it under a temporary name with mode,
 * fsync, rename, fsync the directory.
 */
int file_replace(const char *path, struct str content, mode_t mode,
                 struct fail *why) MUST_CHECK;

/* fsync of the directory that holds path, or of the directory itself. */
int file_sync_parent(const char *path, struct fail *why) MUST_CHECK;
int file_sync_directory(const char *path, struct fail *why) MUST_CHECK;

enum file_lock { FILE_UNLOCK, FILE_LOCK_SHARED, FILE_LOCK_EXCLUSIVE };
enum file_lock_style { FILE_LOCK_FLOCK, FILE_LOCK_FCNTL };

/*
 * Lock the open file. wait = false: 0 locked, 1 held by another (*why says
 * "unable to set exclusive lock: ..."), -1 error.
 * wait = true: waits without limit (use file_lock_within elsewhere).
 */
int file_lock(int fd, enum file_lock lock, enum file_lock_style style, bool wait,
              struct fail *why) MUST_CHECK;
/* Try up to `attempts` times, delay_ms apart; 0 locked, 1 held by another, -1 error. */
int file_lock_within(int fd, enum file_lock lock, enum file_lock_style style,
                     int attempts, int delay_ms, struct fail *why) MUST_CHECK;

/*
 * Open a file for writing where others may have prepared links (reliability:
 * links and races). flags as for open(2); with O_CREAT a missing file is made,
 * never through a link. The result has one link and is what the name says; a
 * symlink is followed only when root owns it and its directory, and nobody
 * else may write there. Never hangs on a FIFO. A result that is no regular
 * file (the caller checks *ret_stat) keeps O_NONBLOCK; a directory is refused.
 * *ret_stat gets its fstat. With O_CREAT | O_EXCL only a new file will do. *why
 * does not name the path: "cannot open file: Permission denied".
 */
int file_open_safely(const char *path, int flags, mode_t mode, struct stat *ret_stat,
                     struct fail *why) MUST_CHECK;

/* Is path a symlink that root owns, in a directory where only root may write? */
bool file_link_is_trusted(const char *path);

/* mkdir -p; existing directories are fine. */
int file_make_directories(const char *path, mode_t mode, struct fail *why) MUST_CHECK;

#endif
