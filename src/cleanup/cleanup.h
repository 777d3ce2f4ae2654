/*
 * What the files of cleanup share: the process, and one message on its way
 * from a client's records to a file of the incoming queue.
 */
#ifndef CLEANUP_CLEANUP_H
#define CLEANUP_CLEANUP_H

#include "ipc/client.h"
#include "ipc/messages.h"
#include "mail/address_list.h"
#include "mail/header.h"
#include "mail/maillog.h"
#include "mail/mime.h"
#include "mail/rewrite.h"
#include "milter/milter.h"
#include "queue/draft.h"
#include "queue/envelope.h"
#include "service/service.h"
#include "table/site.h"
#include "util/list.h"
#include "util/map.h"

/* Where canonical mapping and masquerading apply: $canonical_classes and its like, as
 * bits. */
enum address_class {
    CLASS_ENVELOPE_SENDER = 1,
    CLASS_ENVELOPE_RECIPIENT = 2,
    CLASS_HEADER_SENDER = 4,
    CLASS_HEADER_RECIPIENT = 8,
};

/* What a check is about; each has its tables. */
enum check_class {
    CHECK_HEADER,
    CHECK_MIME,
    CHECK_NESTED,
    CHECK_BODY,
    CHECK_MILTER, /* what milters add */
    CHECK_CLASSES
};

/* canonical_maps and its two sisters. */
struct canonical {
    struct maps *maps;
    unsigned classes; /* CLASS_ bits */
};

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

    struct tables *tables;
    struct site site;
    struct canonical canonical, sender_canonical, recipient_canonical;
    bool extends_canonical, extends_virtual; /* propagate_unmatched_extensions */
    struct maps *virtual_alias_maps, *sender_bcc_maps, *recipient_bcc_maps;
    struct texts masquerade_domains;
    struct match_list *masquerade_exceptions;
    unsigned masquerade_classes;

    struct maps *checks[CHECK_CLASSES];
    struct buf strip, reject; /* message_strip_characters, message_reject_characters */

    struct arena *scratch; /* of the message that is at work */

    struct ipc_client *trace, *bounce; /* services that keep delivery records */
};

/* conf and arena live as long as the process. */
int cleaner_init(struct cleaner *cleaner, const struct conf *conf, struct arena *arena,
                 struct fail *why) MUST_CHECK;
void cleaner_done(struct cleaner *cleaner); /* what arena does not free */

/* The records of a message come in this order. */
enum segment { SEGMENT_ENVELOPE, SEGMENT_CONTENT, SEGMENT_EXTRACTED, SEGMENT_END };

/* A recipient before aliases. */
struct addressee {
    const char *address;  /* internal form */
    const char *original; /* as it came in */
    const char *orcpt;    /* RFC 3461, "rfc822;joe@example.com" */
    int notify;           /* NOTIFY_ bits; 0 = not said */
};

/* One header of a message that may be edited. */
struct header_entry {
    off_t start, end; /* of its records in the file, where text is NULL */
    const char *text; /* given by a filter: logical form, without the last line end */
    bool is_own;      /* our Received:, which filters don't see */
};

/* Where the file can be changed by filters, and what they want: edits.c. */
struct edits {
    bool wanted;
    off_t sender_place, sender_next;
    off_t header_place, header_end; /* of the pointer in front; behind the last one */
    off_t body_place;               /* of the pointer in front of it; 0 = not there yet */
    bool no_line;                   /* nor an empty line in front of that */
    off_t body_start;               /* of its text, for those who read it */
    off_t recipients_place, end;    /* of the last pointer that more may follow; of E */
    bool in_header, header_changed;
    struct header_entry *headers;
    size_t n, size;
    off_t held;   /* bytes of what filters gave */
    bool deleted; /* some recipient: the next may be one that was there before */
    /* The body that is coming; 0 = none. What else is written meanwhile stands between
     * its pieces. */
    off_t new_body, new_text;   /* its place; its first line */
    off_t body_from, body_link; /* the piece that is open; where the next one is named */
    off_t body_bytes;           /* of the pieces before */
    bool body_open;
    struct buf line; /* without its end yet */
    bool line_begun;
    long header_growth, body_growth; /* bytes in the file, more than there were */
};

enum {
    HEADER_TEXT_MAX = 16 << 20, /* a header or a change of one, as text */
    LINE_PIECE = 2048,          /* of a body that a filter gives */
};

/* One message. Zeroed at its start; all that it points to lives in its arena. Headers and
 * recipients may come in any number, so that what they need is scratch. */
struct message {
    struct cleaner *cleaner;
    struct arena *arena;   /* what lasts as long as the message */
    struct arena *scratch; /* what lasts until the next record */
    int flags;             /* SUBMIT_ */
    struct draft draft;
    long long size_limit; /* of a file that is checked at its end; 0 = none */
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
    bool is_probe;                            /* of verify(8) */
    bool started_recipients; /* what stands before the first one was written */

    /* recipient.c */
    struct addressee next;   /* attributes of the recipient that comes next */
    bool utf8_recipient;     /* some recipient is not ASCII */
    const char *first_key;   /* of the first recipient that was written */
    struct map *seen;        /* keys of recipients that were written */
    struct size_record size; /* what is known of the first record */

    /* content.c, checks.c */
    struct mime *mime;
    struct buf clean;       /* scratch: a record without stray characters */
    off_t content_end;      /* where X stands */
    long long body_checked; /* bytes of this part */
    bool unchecked;         /* a check said that no more are to be made */
    bool discarded;         /* a check, or smtpd, said that it is to vanish */
    const char *filter;     /* FILTER, "transport:nexthop"; NULL = none */
    const char *redirect;   /* REDIRECT; NULL = none */
    struct texts copies;    /* BCC */
    const char *encoding;   /* "7bit", "8bit"; NULL = not known */

    /* header.c */
    unsigned long long headers;               /* bit 1 << enum header_id: was there */
    bool resent;                              /* some Resent- header was there */
    int hops;                                 /* Received: headers */
    struct texts extracted, extracted_resent; /* recipients in headers (sendmail -t) */

    /* filter.c, edits.c */
    struct milters *filters; /* NULL = none */
    struct milter_host filter_host;
    const char *filtered_recipient; /* that they are told of */
    struct edits edits;
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
/* After the content: what was found in it. */
void extracted_start(struct message *m);
void extracted_record(struct message *m, int type, struct str data);

/* --- rewrite.c: one address, internal form in and out ------------------------------- */
/* Bring an address of the envelope into standard form. Results here are scratch. */
const char *rewrite_standard(struct message *m, const char *address);
/*
 * Canonical mapping and masquerading, of addresses in standard form. What could
 * not be looked up is noted in the verdict.
 */
const char *rewrite_mapped(struct message *m, const char *address,
                           enum address_class class);
/* The standard form of an address of a list, by rules. */
const char *rewrite_item(struct message *m, const struct rewrite_rules *rules,
                         const struct address_item *item);
/*
 * Append the addresses that a table gave for address: in standard form, "@domain" with
 * the user of address, and with its extension when extend says so.
 */
void rewrite_result(struct message *m, const struct address_match *match,
                    const char *address, bool extend, struct texts *ret);
/* A table could not be asked. */
void rewrite_failed(struct message *m, const struct maps *maps, const char *address,
                    const struct fail *why);

/* --- alias.c -------------------------------------------------------------------------
 */
/* What virtual_alias_maps make of a recipient, itself when nothing: 0, or -1 when the
 * verdict has it. */
int alias_expand(struct message *m, const char *address, struct texts *ret) MUST_CHECK;

/* --- recipient.c ------------------------------------------------------------------- */
/* One recipient, as it came in. */
void recipient_add(struct message *m, const struct addressee *as_given);
/* Copies that nobody asked for in the envelope: sender_bcc_maps; always_bcc. */
void recipient_add_sender_bcc(struct message *m);
void recipient_add_always_bcc(struct message *m);

void recipient_add_copy(struct message *m, const char *address);

/* --- notify.c -------------------------------------------------------------------------
 */
/* Record for the sender that this recipient was an alias. Failure shows in the verdict.
 */
void notify_expanded(struct message *m, const struct addressee *a);
/* A probe has come to an alias of many: tell verify that it can be delivered to. */
void notify_probed(struct message *m, const struct addressee *a);
/* Return the message to its sender, with a reason "5.7.1 text". */
int notify_bounced(struct message *m, const char *reason, struct fail *why) MUST_CHECK;

/* One that a filter has added. */
void recipient_add_late(struct message *m, const struct addressee *a);

/* --- content.c --------------------------------------------------------------------- */
void content_start(struct message *m);
void content_record(struct message *m, int type, struct str data);
/* Write a logical header, line by line. */
void content_add_header(struct message *m, struct str logical);

/* --- checks.c -------------------------------------------------------------------------
 */
/*
 * Look up a header, or a line of the body, and do what is said of it. False: it
 * is to be left out. *text is replaced when other text is to be written; what
 * is to stand before it has been written.
 */
bool checks_pass(struct message *m, enum check_class class, struct str *text);

/* --- header.c, complete.c ------------------------------------------------------------
 */
/* One whole header of the message itself: check it, note what it says, change it, write
 * it. */
void header_take(struct message *m, struct str logical);
/* After the last header: add those that mail must have. */
void header_complete(struct message *m);

/* --- filter.c: milters ----------------------------------------------------------------
 */

void filter_open(struct message *m);
/* A milter that smtpd has handed over; fd: its connection. */
void filter_take(struct message *m, struct str text, int fd);
/* Behind E: have the filters see the message. The verdict tells what came of it. */
void filter_message(struct message *m);
void filter_close(struct message *m);

/* --- edits*.c: places for changes, and the changes; nothing without edits.wanted -------
 */

void edits_sender_begin(struct message *m);
void edits_sender_end(struct message *m);
void edits_header_begin(struct message *m);
/* A header was written from start on. */
void edits_note_header(struct message *m, off_t start);
void edits_header_end(struct message *m);
void edits_body_begin(struct message *m);
/* Behind the content. */
void edits_body_end(struct message *m);
/* In front of E. */
void edits_end(struct message *m);
/* The file is written, and flushed. */
int edits_start(struct message *m, struct fail *why) MUST_CHECK;
/* The i-th header, logical form. */
int edits_header_text(struct message *m, size_t i, struct buf *out,
                      struct fail *why) MUST_CHECK;
int edits_finish(struct message *m, struct fail *why) MUST_CHECK;
extern const struct milter_edits edits_of_filters; /* context: the message */

#endif
