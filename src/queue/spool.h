/*
 * The queue directories: where the file of an id stands, and moving it.
 *
 * All paths are relative to the working directory, which is $queue_directory
 * in every daemon; commands change to it first. README.md of this folder has
 * the table of queues and what each guarantees.
 */
#ifndef QUEUE_SPOOL_H
#define QUEUE_SPOOL_H

#include "queue/id.h"
#include "util/arena.h"
#include "util/attributes.h"
#include "util/fail.h"

#include <sys/stat.h>

#define QUEUE_MAILDROP "maildrop"
#define QUEUE_INCOMING "incoming"
#define QUEUE_ACTIVE   "active"
#define QUEUE_DEFERRED "deferred"
#define QUEUE_HOLD     "hold"
#define QUEUE_CORRUPT  "corrupt"
#define QUEUE_BOUNCE   "bounce" /* these three: logs of a message, under its id */
#define QUEUE_DEFER    "defer"
#define QUEUE_TRACE    "trace"
#define QUEUE_FLUSH    "flush" /* not by id: the messages that wait for a site */

enum {
    SPOOL_PATH_SIZE = 400, /* any queue, all hash directories, any id, NUL */

    SPOOL_MODE_WRITING = 0600,
    SPOOL_MODE_READY = 0700,
    SPOOL_MODE_MAILDROP = 0744,
    SPOOL_MODE_CORRUPT = 0400,   /* an agent found it corrupt: qmgr moves it */
    SPOOL_BIT_UNTHROTTLE = 0040, /* forget dead destinations when picked */
    SPOOL_BIT_EXPIRE = 0010,     /* return it at the next attempt */
};

struct spool {
    unsigned hashed;   /* $hash_queue_names, a bit for each queue */
    int hash_depth;    /* $hash_queue_depth, at most QUEUE_ID_DEPTH_MAX */
    bool long_ids;     /* $enable_long_queue_ids */
    long pid;          /* of the process, for names of drafts */
    enum spool_names { /* found out by the first draft_create */
                       SPOOL_NAMES_UNKNOWN,
                       SPOOL_NAMES_NEED_SYNC,
                       SPOOL_NAMES_DURABLE, /* fsync of a new file carries its name */
    } names;
};

/* Fill in. hash_names: $hash_queue_names. Touches no file. */
void spool_init(struct spool *spool, const char *hash_names, int hash_depth,
                bool long_ids);

/* Is this queue one that is split into hash directories? */
bool spool_is_hashed(const struct spool *spool, const char *queue);

/* "deferred/A/ABC12": where the file of a valid id stands. Returns ret. */
char *spool_path(const struct spool *spool, const char *queue, const char *id,
                 char ret[SPOOL_PATH_SIZE]);

/* --- one file --- */
/*
 * Open the file of id. flags as for open(2). 1 = open, *ret_fd is the
 * caller's; 0 = there is no such file; -1 = failed. Never follows a symbolic
 * link, never waits on a FIFO; what is not a regular file is a failure.
 */
int spool_open(const struct spool *spool, const char *queue, const char *id, int flags,
               int *ret_fd, struct fail *why) MUST_CHECK;

/* lstat: 1 = there (regular file), 0 = not there, -1 = failed. */
int spool_stat(const struct spool *spool, const char *queue, const char *id,
               struct stat *ret, struct fail *why) MUST_CHECK;

/* Look for id in the mail queues (incoming, active, deferred, hold, maildrop, corrupt).
 * 1, 0, -1. */
int spool_find(const struct spool *spool, const char *id, const char **ret_queue,
               struct stat *ret, struct fail *why) MUST_CHECK;

/* Complete, that is: a regular file whose owner bits are exactly rwx. */
bool spool_is_ready(const struct stat *st);

/* Rename between queues, making hash directories on demand. 1 = moved, 0 = not there, -1
 * = failed. */
int spool_move(const struct spool *spool, const char *id, const char *from,
               const char *to, struct fail *why) MUST_CHECK;

/* Set the time of the next attempt, then move active -> deferred. As spool_move. */
int spool_defer(const struct spool *spool, const char *id, time_t next_attempt,
                struct fail *why) MUST_CHECK;

/* Unlink. 1 = removed, 0 = not there, -1 = failed. */
int spool_remove(const struct spool *spool, const char *queue, const char *id,
                 struct fail *why) MUST_CHECK;

/* Unlink the bounce, defer and trace logs of id. Returns how many there were, or -1. */
int spool_remove_logs(const struct spool *spool, const char *id,
                      struct fail *why) MUST_CHECK;

/* Open the log of id for reading and appending, made if need be (0600). Returns the
 * descriptor or -1. */
int spool_open_log(const struct spool *spool, const char *queue, const char *id,
                   struct fail *why) MUST_CHECK;

/*
 * Claim the log of id: until *ret_fd is closed nobody else reports on it or takes it
 * back. 1 = claimed, 0 = there is none, -1 = failed (why->code is EWOULDBLOCK: somebody
 * else has claimed it, or is adding to it).
 */
int spool_claim_log(const struct spool *spool, const char *queue, const char *id,
                    int *ret_fd, struct fail *why) MUST_CHECK;

/* --- all files of a queue --- */
/*
 * Walk a queue, whatever its depth: files stand in the queue's directory or
 * in directories with one-character names below it. Directory order. Files
 * that come or go meanwhile may or may not be shown.
 */
struct spool_scan;

enum {
    SPOOL_SCAN_ODD_NAMES = 1, /* also names that are no queue id ("123456.789", "core") */
};

/* Returns NULL with *why when the queue cannot be opened. */
struct spool_scan *spool_scan_new(const char *queue, int flags, struct fail *why);
void spool_scan_free(struct spool_scan *scan); /* NULL is fine */

/*
 * 1 = *ret_name is the next name, *ret_path its path (both live until the
 * next call); 0 = no more; -1 = a directory could not be read (the scan goes on
 * when called again).
 */
int spool_scan_next(struct spool_scan *scan, const char **ret_name, const char **ret_path,
                    struct fail *why) MUST_CHECK;

#endif
