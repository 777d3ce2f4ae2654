/*
 * Queue ids: the names of queue files, made from a time and an inode number.
 *
 * A short id is "%05X" microseconds and "%lX" inode: unique among the files
 * that exist. A long id (enable_long_queue_ids) is base-52 seconds (6 digits
 * or more), base-52 microseconds (4 digits), 'z', base-51 inode: it never
 * repeats. The digits are those of formats 1.5, without vowels.
 */
#ifndef QUEUE_ID_H
#define QUEUE_ID_H

#include "util/str.h"

#include <stdint.h>
#include <sys/time.h>

enum {
    QUEUE_ID_MAX = 255,               /* longest file name taken for a queue id */
    QUEUE_ID_SIZE = QUEUE_ID_MAX + 1, /* with NUL */
    QUEUE_ID_DEPTH_MAX = 16,          /* hash directories above a file */
};

/* What an id says. A short id has no seconds: they are 0 then. */
struct queue_id_parts {
    bool is_long;
    uint64_t seconds;
    uint32_t microseconds;
    uint64_t inode;
};

/* The id of a file with this inode, made at this time. */
void queue_id_make(struct timeval when, uint64_t inode, bool is_long,
                   char ret[QUEUE_ID_SIZE]);

/* May it be the name of a queue file? 1 to 255 ASCII letters, digits and '_'. */
bool queue_id_valid(struct str name);

/* Take an id apart; false when no rule of ours could have made it. */
bool queue_id_decode(struct str id, struct queue_id_parts *ret);

/*
 * The characters that name the hash directories above id, `depth` of them:
 * the first characters of a short id, those of the "%05X" microseconds of a
 * long one, '_' where there are no more.
 */
void queue_id_hash(struct str id, int depth, char ret[QUEUE_ID_DEPTH_MAX + 1]);

#endif
