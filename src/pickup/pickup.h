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
    PICKED_CORRUPT, /* it will never be taken: to corrupt/ */
    PICKED_LATER,   /* cleanup did not take it now; other files may fare better */
    PICKED_NOBODY,  /* cleanup does not answer: leave all files for the next wakeup */
};

/* Hand the open file maildrop/id to cleanup. What goes wrong is logged here. */
enum picked picker_pass(struct picker *picker, const char *id, int fd,
                        const struct stat *st);

#endif
