/*
 * What the files of cleanup share: the process, and one message on its way
 * from a client's records to a file of the incoming queue.
 */
#ifndef CLEANUP_CLEANUP_H
#define CLEANUP_CLEANUP_H

#include "ipc/messages.h"
#include "mail/header.h"
#include "mail/maillog.h"
#include "mail/rewrite.h"
#include "queue/draft.h"
#include "queue/envelope.h"
#include "service/service.h"
#include "util/list.h"
#include "util/map.h"

/* One process. */
struct cleaner {
    const struct conf *conf;
    struct spool spool;
    struct maillog_style style;
    int notice; /* datagram socket to the queue manager; -1 = not open yet */
    const char *notice_path;
    struct rewrite_rules local_rules;  /* envelopes, and headers of mail from here */
    struct rewrite_rules remote_rules; /* headers of mail from elsewhere ... */
    bool rewrites_remote;              /* ... when they are touched at all */
    struct texts drop_headers;
};

/* conf and arena live as long as the process. */
int cleaner_init(struct cleaner *cleaner, const struct conf *conf, struct arena *arena,
                 struct fail *why) MUST_CHECK;

/* The records of a message come in this order. */
enum segment { SEGMENT_ENVELOPE, SEGMENT_CONTENT, SEGMENT_EXTRACTED, SEGMENT_END };

/* A recipient before aliases. Texts live in the arena of the message. */
struct addressee {
    const char *address;  /* internal form */
    const char *original; /* as it came in */
    const char *orcpt;    /* RFC 3461, "rfc822;joe@example.com" */
    int notify;           /* NOTIFY_ bits; 0 = not said */
};

/* One message. Zeroed at its start; all that it points to lives in its arena. */
struct message {
    struct cleaner *cleaner;
    struct arena *arena;
    int flags; /* SUBMIT_ */
    struct draft draft;
    enum segment segment;

    /* The verdict: what went wrong first, or SUBMIT_OK. */
    enum submit_status status;
    const char *reason; /* with an enhanced status code in front; may be NULL */

    /* envelope.c */
    struct timeval arrival;
    bool has_arrival;
    const char *sender;    /* internal form, rewritten; NULL = did not come yet */
    const char *full_name; /* NULL = none */
    const struct rewrite_rules *header_rules; /* NULL = leave headers alone */
    struct maillog_context client;            /* protocol and HELO name, for log lines */
    const char *origin;                       /* "name[address]" or "local" */
    int attributes;                           /* counted against the limit */
    bool wrote_warn;

    /* recipient.c */
    struct addressee next;   /* attributes of the recipient that comes next */
    const char *recipient;   /* the first, for log lines */
    struct map *seen;        /* keys of recipients that were written */
    struct size_record size; /* what is known of the first record */

    /* content.c */
    bool in_body;
    bool in_line;      /* the last record was a chunk of a longer line */
    struct buf header; /* the logical header that is being collected */
    off_t content_end; /* where X stands */
    char *clean;       /* scratch for records with stray CR or LF */

    /* header.c */
    unsigned long long headers; /* bit 1 << enum header_id: was there */
    bool resent;                /* some Resent- header was there */
    int hops;                   /* Received: headers */
    struct list extracted; /* struct addressee: recipients in headers (sendmail -t) */
    struct list extracted_resent;
};

/* --- message.c: one message from its opening to its verdict ---------------------- */

/* Make the queue file. On failure nothing is left and message_done need not be called. */
int message_open(struct message *m, struct cleaner *cleaner, const struct submit *ask,
                 struct arena *arena, struct fail *why) MUST_CHECK;
/* Take one record. What is wrong with it, or with the disk, shows in the verdict. */
void message_record(struct message *m, int type, struct str data);
/* After E: make the file durable and tell the queue manager, or remove it. */
struct submit_done message_close(struct message *m);
/* The client gave the message up, or went away. */
void message_abandon(struct message *m);

/* Note the first thing that went wrong. reason: "5.7.1 text" or NULL. */
void message_fail(struct message *m, enum submit_status status, const char *reason);

/* --- envelope.c -------------------------------------------------------------------- */
void envelope_record(struct message *m, int type, struct str data);
void extracted_record(struct message *m, int type, struct str data);

/* --- recipient.c ------------------------------------------------------------------- */
/* Bring an address into standard form; internal form, in the arena of the message. */
const char *address_standard(struct message *m, const char *address);
/* One recipient, as it came in. */
void recipient_add(struct message *m, const struct addressee *as_given);

/* --- content.c --------------------------------------------------------------------- */
void content_record(struct message *m, int type, struct str data);
/* The content ends: write what is still missing of the header. */
void content_end(struct message *m);
/* Write a logical header, line by line. */
void content_add_header(struct message *m, struct str logical);

/* --- header.c, complete.c ------------------------------------------------------------
 */
/* One whole header of the message itself: note what it says, change it, write it. */
void header_take(struct message *m, struct str logical);
/* After the last header: add those that mail must have. */
void header_complete(struct message *m);

#endif
