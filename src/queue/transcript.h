/*
 * The talk with another mail system, of which the postmaster gets a copy when
 * something in it went wrong that main.cf wants to be told (notify_classes).
 */
#ifndef QUEUE_TRANSCRIPT_H
#define QUEUE_TRANSCRIPT_H

#include "conf/conf.h"
#include "ipc/client.h"
#include "util/buf.h"

/* What can go wrong in a talk: words of notify_classes, as bits. */
enum trouble {
    TROUBLE_NONE = 0,
    TROUBLE_BOUNCE = 1 << 0,
    TROUBLE_DATA = 1 << 1,
    TROUBLE_POLICY = 1 << 2,
    TROUBLE_PROTOCOL = 1 << 3,
    TROUBLE_RESOURCE = 1 << 4,
    TROUBLE_SOFTWARE = 1 << 5,
};
/* The bits of a list of words; those that are about other things are left out. */
unsigned trouble_classes(const char *words);

/*
 * What was said, without the content of messages. Of a talk that is longer than
 * TRANSCRIPT_MAX bytes the end is kept.
 */
enum { TRANSCRIPT_MAX = 65536 };
struct transcript {
    struct buf text; /* each line: "In:  " or "Out: ", what was said, LF */
    unsigned lines;
    bool utf8;
    bool cut; /* its beginning is gone */
};
/* utf8: bytes beyond ASCII may stay ($smtputf8_enable). */
void transcript_init(struct transcript *transcript, bool utf8);
void transcript_done(struct transcript *transcript); /* frees */
void transcript_reset(struct transcript *transcript);
void transcript_in(struct transcript *transcript, struct str line);  /* to us */
void transcript_out(struct transcript *transcript, struct str line); /* by us */

/* What the postmaster is told besides. */
struct transcript_notice {
    const char *role;   /* "SMTP server": ours in the talk */
    const char *peer;   /* "name[address]" */
    const char *first;  /* what was wrong, to be read before the talk, or NULL */
    const char *reason; /* why it ended early, or NULL */
    unsigned classes;   /* NOTICE_ bits, of what went wrong and is to be told */
};
/* The notice as lines of content, from Received: on, passed to add one by one. */
void transcript_write(const struct transcript *transcript, const struct conf *conf,
                      const struct transcript_notice *notice, const char *queue_id,
                      void (*add)(void *context, const char *line), void *context);
/* Hand the notice to cleanup. */
int transcript_send(const struct transcript *transcript, const struct conf *conf,
                    const struct transcript_notice *notice, struct ipc_client *cleanup,
                    struct fail *why) MUST_CHECK;

#endif
