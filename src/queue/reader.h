/*
 * Reading records from a file, following its pointer records.
 *
 * Reads with pread, so that processes that share a descriptor do not disturb
 * each other. Pointers are followed and never shown, unless asked for; pads
 * and killed records are shown. More than 10,000 jumps backward are taken
 * for corruption.
 */
#ifndef QUEUE_READER_H
#define QUEUE_READER_H

#include "queue/record.h"

struct record_reader {
    int fd;
    off_t next;  /* offset of the next record */
    off_t start; /* file offset of window.p[0] */
    struct buf window;
    int jumps_left; /* backward */
    bool raw;       /* show pointer records, do not follow them */
};

enum record_result {
    RECORD_OK,
    RECORD_EOF,     /* the file ends here, between two records */
    RECORD_CORRUPT, /* no file of ours looks like this; why says how */
    RECORD_FAILED,  /* pread failed; why->code is its errno */
};

/* Read fd from `offset` on. The reader owns its window, not fd. */
void record_reader_init(struct record_reader *r, int fd, off_t offset);
void record_reader_done(struct record_reader *r); /* a zeroed reader is fine */
void record_reader_seek(struct record_reader *r,
                        off_t offset); /* keeps the window and the count of jumps */

/* The next record; its data lives until the next call on r. */
enum record_result record_read(struct record_reader *r, struct record *ret,
                               struct fail *why) MUST_CHECK;

/*
 * Make the record at `offset` of type `from` one of type `to`, in place: one
 * pwrite of one byte, after a check that `from` stands there. Not synced
 * (reliability 2: undone by a power cut it means one duplicate, never a loss).
 */
int record_retype(int fd, off_t offset, int from, int to, struct fail *why) MUST_CHECK;

#endif
