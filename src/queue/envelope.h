/*
 * The envelope of a queue file, read into one struct.
 */
#ifndef QUEUE_ENVELOPE_H
#define QUEUE_ENVELOPE_H

#include "queue/reader.h"
#include "util/arena.h"

#include <sys/time.h>
#include <time.h>

enum { NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };
enum { RET_FULL = 1, RET_HEADERS = 2 };
enum {
    TRACE_PROBE_MTA = 256,  /* address probe of verify */
    TRACE_PROBE_USER = 512, /* sendmail -bv */
    TRACE_RECORD = 1024,    /* sendmail -v */
    TRACE_DELAY_CLEARED = 8192,
};

/* One recipient still to be done. Texts are never NULL, and live in the arena. */
struct recipient {
    const char *address;
    const char *original;      /* as received; "" when not recorded */
    const char *dsn_orig_rcpt; /* "rfc822;joe@x"; "" = none */
    int notify;                /* NOTIFY_ bits; 0 = not said */
    off_t offset;              /* of its R record, for envelope_mark_done */
};

struct envelope {
    struct size_record size;
    struct timeval arrival; /* T */
    time_t created;         /* A create_time, else arrival */
    const char *sender;     /* "" = null sender */
    const char *full_name;
    const char *filter;   /* L, the last one wins; "" = none */
    const char *redirect; /* >, the last one wins; "" = none */
    const char *verp;     /* "" = none */
    time_t warn_at;       /* W; 0 = none, -1 = was sent */
    off_t warn_offset;    /* of the W record */

    /* A records; "" or 0 when not there */
    const char *encoding; /* "7bit", "8bit" */
    const char *envelope_id;
    int ret;                     /* RET_ */
    int trace_flags;             /* TRACE_ */
    off_t trace_offset;          /* of the A trace_flags record, for envelope_kill */
    const char *rewrite_context; /* "local" or "remote"; "local" when not there */
    const char *log_ident;
    const char *client_name, *client_address, *client_port, *protocol_name, *helo_name;
    const char *reverse_client_name, *client_address_type, *server_address, *server_port;
    const char *log_client_name, *log_client_address, *log_client_port;
    const char *log_protocol_name, *log_helo_name, *log_message_origin;
    const char *sasl_method, *sasl_username, *sasl_sender;

    /* this batch of recipients */
    struct recipient *recipients;
    size_t n;
    off_t next; /* read on from here with envelope_read_more; 0 = no recipients left */
    bool next_extracted; /* `next` lies in the extracted segment */
};

/*
 * Read the envelope of the open queue file: all that is said about the
 * message, and the first max_recipients of those not done (SIZE_MAX: all; 0:
 * none, only the rest). 0, or -1: then why->code is 0 when the file is
 * corrupt (to go to corrupt/), and an errno when reading failed (try again).
 *
 * Missing C, T or S, a record that has no place in its segment, an impossible
 * address or number, a missing E: all corrupt. All texts live in arena.
 */
int envelope_read(int fd, size_t max_recipients, struct arena *arena,
                  struct envelope *ret, struct fail *why) MUST_CHECK;

/*
 * Replace the batch in *envelope by the next one. Texts in arena; the
 * earlier batch's texts stay where they were.
 */
int envelope_read_more(int fd, size_t max_recipients, struct arena *arena,
                       struct envelope *envelope, struct fail *why) MUST_CHECK;

/* --- changes in place --- */
int envelope_mark_done(int fd, off_t recipient_offset,
                       struct fail *why) MUST_CHECK; /* R -> D */
int envelope_mark_warned(int fd, off_t warn_offset,
                         struct fail *why) MUST_CHECK; /* W = -1 */
int envelope_kill(int fd, off_t attribute_offset,
                  struct fail *why) MUST_CHECK; /* A -> K */

#endif
