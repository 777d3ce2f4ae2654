/* What the files of this folder share: the filters of a client, and each of them. */
#ifndef MILTER_FILTER_H
#define MILTER_FILTER_H

#include "milter/milter.h"
#include "util/list.h"

/* Macro lists: of main.cf, or as the filter wants them. Numbers are those of the protocol
 * (SMFIM_), but for the last. */
enum macro_stage {
    STAGE_CONNECT,
    STAGE_HELO,
    STAGE_MAIL,
    STAGE_RCPT,
    STAGE_DATA,
    STAGE_END,
    STAGE_EOH,
    STAGE_UNKNOWN,
    STAGES,
};

enum milter_state {
    FILTER_UNUSED,           /* not connected yet */
    FILTER_TALKING,          /* may be told of events */
    FILTER_MESSAGE_ACCEPTED, /* wants to hear no more of this message */
    FILTER_DONE,             /* of this client: its connection is closed */
    FILTER_VERDICT,          /* likewise, and what it said last holds for all to come */
};

/* Protocol bits (SMFIP_) that are used by name; those of events stand in filter.c. */
enum {
    PROTOCOL_SKIP = 0x400,
    PROTOCOL_REFUSED_RECIPIENTS = 0x800,
    PROTOCOL_LEADING_SPACE = 0x100000,
};

struct milter {
    struct milter *next;
    struct milters *of;
    const char *name;                                      /* "inet:127.0.0.1:8891" */
    int connect_timeout, command_timeout, content_timeout; /* seconds */
    const char *default_action, *protocol_text;
    struct stream *stream; /* NULL = none */
    enum milter_state state;
    struct milter_verdict verdict;       /* FILTER_VERDICT */
    uint32_t version, actions, protocol; /* as agreed */
    enum milter_event skipped;           /* not told until another event has come */
    const struct texts *macros[STAGES];
    const struct texts
        *values[STAGES]; /* name, value, ...: taken over; NULL = ask the host */
    struct buf packet;   /* that was read last */
};

struct milters {
    const struct conf *conf;
    const struct milter_host *host;
    struct arena *arena;
    struct milter *first, *last;
    struct texts macros[STAGES];
    struct texts defaults; /* name, value, ... of milter_macro_defaults */
    bool has_macros;       /* those have been read */
    struct buf out;
};

/* list.c */
struct milter *milter_add(struct milters *milters, const char *name);

/* macros.c */
void macros_read(struct milters *milters);
/* Append a packet with the macros of that stage, for the event of that letter. */
void macros_put(struct milter *milter, enum macro_stage stage, char letter,
                struct buf *out);
/* Name and value of each, in turn. */
void macros_values(struct milter *milter, enum macro_stage stage, struct texts *ret,
                   struct arena *arena);
/* The filter wants other macros than main.cf has; false: more than there can be. */
bool macros_replace(struct milter *milter, uint32_t stage, struct str names) MUST_CHECK;

/* filter.c */
/* What is sent, or waited for, from now on has the time of that event. */
void filter_start_wait(struct milter *milter, enum milter_event event);

/* negotiate.c: connect and agree on a protocol; state TALKING, or what a failure makes.
 */
void negotiate(struct milter *milter);
/* The same over the stream that it has already; what we offer stands in its members. */
void negotiate_over(struct milter *milter);

/* reply.c */
void filter_warn(struct milter *milter, const char *format, ...) PRINTF_LIKE(2, 3);
/* It cannot be used (any more): milter_default_action says what now. Words go to the log.
 */
struct milter_verdict filter_failed(struct milter *milter, const char *format, ...)
    PRINTF_LIKE(2, 3);
struct milter_verdict filter_unreachable(struct milter *milter,
                                         const struct fail *reason);
/* It, or main.cf, says what no one understands: mail waits, whatever the default. */
struct milter_verdict filter_misconfigured(struct milter *milter);
/* Its last words to this client. */
struct milter_verdict filter_settle(struct milter *milter, enum milter_action action,
                                    const char *reply);
/* Read what it says to an event. edits: NULL but at the end of the message. */
int reply_take(struct milter *milter, enum milter_event event,
               const struct milter_edits *edits, struct milter_verdict *ret,
               struct fail *why) MUST_CHECK;
/* "SMFIC_CONNECT" */
const char *event_name(enum milter_event event);

#endif
