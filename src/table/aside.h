/*
 * The file that a writer of indexed tables writes to: a new one beside the
 * index, or for single changes a copy of it, which takes the index's place when it is
 * complete and synced, so that readers have the old one whole until then, whatever ends
 * the writer. Or the index itself, locked: where its library survives a crash, for
 * caches, and where we may write it but not its directory (a user's own table in
 * /etc/postfix).
 */
#ifndef TABLE_ASIDE_H
#define TABLE_ASIDE_H

#include "table/type.h"

struct aside {
    int lock_fd;           /* open on the index that is changed; else -1 */
    const char *temporary; /* NULL = written in place */
    int fd;                /* of the temporary; -1 = written in place */
    bool is_filled;        /* with the entries that were there, which are to stay */
};

/* What TABLE_CHANGE writes to. */
enum aside_change { ASIDE_COPY, ASIDE_IN_PLACE };

enum {
    ASIDE_LOCK_ATTEMPTS = 200, /* times ASIDE_LOCK_DELAY_MS: 20 s */
    ASIDE_LOCK_DELAY_MS = 100,
};

/* Decide by the writer's options, and open. *ret is good for aside_forget in any case. */
int aside_open(struct table_writer *writer, enum aside_change change, struct aside *ret,
               struct fail *why) MUST_CHECK;
/* A file that nobody else has open, not the index itself. */
bool aside_is_new(const struct aside *aside);
/*
 * The name under which a library opens it. In a directory of somebody else the
 * temporary's own name could be another file by then, so it is one for what we have open.
 */
const char *aside_name(struct table_writer *writer, const struct aside *aside);
/* The library has closed its side: sync, and give a new file its place. */
int aside_finish(struct table_writer *writer, struct aside *aside,
                 struct fail *why) MUST_CHECK;
/* Close all, and remove a file that did not take its place. */
void aside_forget(struct aside *aside);

#endif
