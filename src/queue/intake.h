/* Queue file records that arrive on a stream (queue/record.h). */
#ifndef QUEUE_INTAKE_H
#define QUEUE_INTAKE_H

#include "queue/record.h"
#include "util/stream.h"

struct intake {
    struct stream *stream;
    size_t taken;     /* buffered bytes of the record returned last */
    struct buf whole; /* a record that the stream's buffer did not hold at once */
};

void intake_init(struct intake *intake, struct stream *stream);
/* The next record; its data lives until the next call. -1: the peer is gone, or this is
 * no record. */
int intake_next(struct intake *intake, struct record *ret, struct fail *why) MUST_CHECK;
/* Give back what is left. The record returned last was the last one. */
void intake_done(struct intake *intake);

#endif
