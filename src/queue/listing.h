/*
 * What stands in the queues, for people: the content of mailq(1).
 *
 * Looks at every queue with mail, one message after the other, and calls back
 * for each. showq serves it over a socket; postqueue run by root looks by
 * itself when the mail system is down.
 */
#ifndef QUEUE_LISTING_H
#define QUEUE_LISTING_H

#include "queue/spool.h"
#include "util/arena.h"

#include <time.h>

/* Addresses are in external form. */
struct listing_recipient {
    const char *address;
    const char *original; /* as it was received; "" = not recorded */
    const char *log;      /* QUEUE_DEFER or QUEUE_BOUNCE: where the reason stands; "" */
    const char *reason;   /* of the last delay, or of the bounce; "" = none known */
};

struct listing_message {
    const char *queue, *id;
    time_t arrival;
    long long size;     /* of the content; of the file when it is in maildrop */
    bool forced_expire; /* postsuper -e */
    const char *sender; /* "MAILER-DAEMON" for the null sender */
    const struct listing_recipient *recipients; /* delayed, waiting to be returned,
                                                 * then those without a reason */
    size_t n;
};

/*
 * Call show for each message: maildrop, active, incoming, deferred, hold; in
 * directory order. The message lives until show returns; show returns -1 to end the
 * listing. Files that are unfinished, gone meanwhile, or unreadable are left out. 0, or
 * -1: show ended it (why untouched), or a queue could not be opened.
 */
int listing_run(const struct spool *spool,
                int (*show)(void *context, const struct listing_message *message),
                void *context, struct fail *why) MUST_CHECK;

#endif
