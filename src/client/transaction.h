/*
 * One message to some recipients over a session: MAIL, RCPT, DATA, content and
 * end of data, pipelined when the server can (RFC 2920), with an outcome for
 * every recipient.
 */
#ifndef CLIENT_TRANSACTION_H
#define CLIENT_TRANSACTION_H

#include "client/content.h"
#include "client/session.h"
#include "client/xforward.h"

enum transaction_state {
    RECIPIENT_WAITING,  /* not yet said, or no reply */
    RECIPIENT_ACCEPTED, /* the server will take the message for it */
    RECIPIENT_ENDED,    /* outcome is set */
};

struct transaction_recipient {
    /* in */
    const char *address; /* internal form */
    const char *orcpt;   /* "rfc822;x" decoded, or "" */
    int notify;    /* RFC 3461: 1 never, 2 success, 4 failure, 8 delay; 0 = not given */
    void *context; /* the caller's */
    /* in and out: one that is ENDED already takes no part */
    enum transaction_state state;
    /* out */
    struct outcome outcome; /* of RECIPIENT_ENDED; DEFERRED ones another host may take */
    bool of_host;           /* it is the host that lacks something: so may BOUNCED ones */
};

enum transaction_encoding { ENCODING_UNKNOWN, ENCODING_7BIT, ENCODING_8BIT };

/* How far to go to find out whether mail would be taken. */
enum transaction_probe {
    PROBE_NO,   /* all the way: it is mail */
    PROBE_RCPT, /* the answer to RCPT decides */
    PROBE_DATA, /* the answer to DATA does */
};

struct transaction {
    enum transaction_probe probe;
    const char *queue_id; /* for warnings */
    const char *sender;   /* internal form, "" = null */
    long long size;       /* of the content, 0 = unknown */
    enum transaction_encoding encoding;
    const char *envelope_id; /* RFC 3461, decoded, or "" */
    bool ret_full, ret_headers;
    const struct xforward *xforward; /* told to servers that take it; NULL = not told */
    bool utf8;                       /* SMTPUTF8 was asked for by the submitter */
    bool utf8_header;                /* the header needs it */
    bool last; /* the session ends with it: QUIT may follow at once */
    struct transaction_recipient *recipients;
    size_t n;

    /* Write all lines of the message with content_line. -1 = it cannot be had: *why is
     * the text to report. */
    int (*write)(void *context, struct content *content, struct fail *why);
    void *context;
};

/*
 * Do it. Afterwards every recipient has its outcome. Result: SESSION_FINE (the
 * server answered everything; it may be used again unless session->broken),
 * SESSION_REFUSED (the conversation broke: the destination is in trouble).
 */
enum session_end transaction_run(struct session *session, struct transaction *transaction,
                                 struct arena *arena);

#endif
