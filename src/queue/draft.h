/*
 * A queue file that is being written.
 *
 * Created as "<queue>/<usec>.<pid>" with O_EXCL, renamed to its queue id
 * while still empty, written, fchmod, fsync: only then does the message
 * exist (reliability 2). Writes are collected and errors stick, so that
 * writers check once, at draft_finish.
 */
#ifndef QUEUE_DRAFT_H
#define QUEUE_DRAFT_H

#include "queue/record.h"
#include "queue/spool.h"

struct draft {
    const struct spool *spool; /* as given to draft_create */
    int fd; /* the draft's, opened O_RDWR; may be read with record_reader after
               draft_flush */
    char id[QUEUE_ID_SIZE];
    char path[SPOOL_PATH_SIZE]; /* where the file is now */
    struct timeval created;     /* the time in its id */
    struct buf out;             /* what is not written yet */
    off_t written;              /* bytes before out */
    off_t limit;                /* writing beyond fails with EFBIG; 0 = none */
    struct fail failed;         /* the first failure; text empty = none */
    bool sync_directory;        /* the file's own sync does not carry its name */
};

/*
 * Create the file in queue (QUEUE_INCOMING or QUEUE_MAILDROP) with mode 0600.
 * On failure the draft is as after draft_abandon. A draft that succeeded must
 * be ended by draft_finish or draft_abandon.
 */
int draft_create(struct draft *draft, struct spool *spool, const char *queue,
                 struct fail *why) MUST_CHECK;

/* Where the next record goes. */
off_t draft_offset(const struct draft *draft);

/* Append one record. */
void draft_add(struct draft *draft, int type, struct str data);
void draft_add_text(struct draft *draft, int type, const char *text);
void draft_printf(struct draft *draft, int type, const char *format, ...)
    PRINTF_LIKE(3, 4);
void draft_add_attribute(struct draft *draft, const char *name, const char *value);
void draft_add_attribute_number(struct draft *draft, const char *name, long value);
void draft_add_size(struct draft *draft, const struct size_record *size);
/* Append bytes that are whole records already. */
void draft_add_bytes(struct draft *draft, struct str bytes);

/* Overwrite bytes that were appended before; at + n must not exceed draft_offset. */
void draft_patch(struct draft *draft, off_t at, const void *p, size_t n);

/* Has something failed yet? The failure, or NULL. EFBIG, ENOSPC, EDQUOT in code tell
 * what. */
const struct fail *draft_failed(const struct draft *draft);

/* Write out what is collected. */
int draft_flush(struct draft *draft, struct fail *why) MUST_CHECK;

/*
 * Flush, set mode (SPOOL_MODE_READY or SPOOL_MODE_MAILDROP), move to
 * final_queue when that is not NULL (QUEUE_HOLD), fsync, close. After 0 the
 * message is the queue's: it survives a power cut. On -1 the file has been
 * removed. A failed fsync is never tried again.
 */
int draft_finish(struct draft *draft, mode_t mode, const char *final_queue,
                 struct fail *why) MUST_CHECK;

/* Remove the file. Harmless on a zeroed, finished or abandoned draft. */
void draft_abandon(struct draft *draft);

#endif
