/*
 * What the files of pickup share: the process's own state, and the passing on
 * of one file of maildrop/.
 */
#ifndef PICKUP_PICKUP_H
#define PICKUP_PICKUP_H

#include "conf/conf.h"
#include "ipc/client.h"
#include "mail/maillog.h"
#include "queue/spool.h"
#include "util/arena.h"

#include <sys/stat.h>

struct picker {
    const struct conf *conf;
    struct spool spool;
    struct ipc_client *cleanup;
    uid_t
        owner; /* $mail_owner: files that only it can have put there are requeued ones */
    struct maillog_style style;
    int flags;           /* SUBMIT_ bits of what comes from users */
    struct arena *arena; /* reset after each file */
};

/* What became of a file, and with it what is to be done with it. */
enum picked {
    PICKED_TAKEN,   /* cleanup has it: the file is to be removed */
    PICKED_OVER,    /* it was put back, and all its recipients are done: likewise */
    PICKED_CORRUPT, /* it will never be taken: to corrupt/ */
    PICKED_LATER,   /* cleanup did not take it now; other files may fare better */
    PICKED_NOBODY,  /* cleanup does not answer: leave all files for the next wakeup */
};

/* --- unreported.c: failures of a message that was put back, before anybody was told ---
 */
struct unreported {
    int fd;        /* the claimed bounce log, or -1 */
    long *offsets; /* of recipient records, in order */
    size_t n;
};

/* 1 = claimed, if there is a log; 0 = its sender is being told just now: come again. All
 * lives in the picker's arena, and until unreported_let_go. */
int unreported_claim(struct picker *picker, const char *id, struct unreported *ret,
                     struct fail *why) MUST_CHECK;
bool unreported_has(const struct unreported *unreported, off_t offset);
void unreported_let_go(struct unreported *unreported);

/* --- pass.c --- */
/* Hand the open file maildrop/id to cleanup. What goes wrong is logged here. */
enum picked picker_pass(struct picker *picker, const char *id, int fd,
                        const struct stat *st);

#endif
