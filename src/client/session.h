/*
 * One connection to an SMTP or LMTP server: made, greeted, used for one or
 * more transactions (transaction.h), closed.
 *
 * A session takes its stream and never assumes that it owns the process; it
 * can be kept after a transaction and used for the next.
 */
#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

#include "client/reply.h"
#include "client/route.h"
#include "client/tls_policy.h"
#include "mail/outcome.h"
#include "queue/transcript.h"
#include "util/stream.h"

struct session {
    const struct client_settings *settings;
    struct arena *arena; /* as long as the session */
    struct stream *stream;
    const char *host;     /* "mail.example", or the path of a UNIX socket */
    const char *label;    /* "mail.example[192.0.2.1]" for texts */
    const char *relay;    /* "mail.example[192.0.2.1]:25" for relay= */
    const char *queue_id; /* of the first message, for warnings */
    struct netaddr address;
    bool default_port;
    long long message_age_s; /* of the first message */
    unsigned pix;            /* PIX_ bits, see workarounds.h */

    unsigned features;           /* FEATURE_ bits offered and not discarded */
    unsigned xforward;           /* attributes offered, see xforward.h */
    bool esmtp;                  /* EHLO or LHLO was accepted */
    long long size_limit;        /* of SIZE; 0 = none told */
    int transactions;            /* done in this session */
    struct tls_policy policy;    /* what TLS it must have */
    bool tls_waived;             /* of one message's sender: no session for others */
    const struct tls_facts *tls; /* what TLS it has; NULL = none */
    struct texts complaints;     /* of OpenSSL, during the handshake */
    int64_t opened_ms;           /* when it was greeted, of clock_system */
    bool broken;                 /* nothing more can be said to the server */
    bool local_error;            /* a table of ours could not be read */
    bool spent;                  /* it can be said goodbye to, but not be used again */
    const char *mechanisms;      /* of AUTH, that may be used; NULL = not offered */
    bool logged_in;
    bool quit_sent;
    bool violated;                /* the server broke the protocol */
    bool quiet;                   /* nobody is to hear of that */
    struct transcript transcript; /* of what was said, with settings->complain */
    int timeout_s;                /* of the stage; see session_set_timeout */
};

/* What stopped a session, and what it means for all recipients that still wait. */
enum session_end {
    SESSION_FINE,
    SESSION_NO_CONNECTION, /* the host could not be reached: try the next */
    SESSION_NO_TLS,        /* TLS could not begin: try the same in the clear */
    SESSION_REFUSED,  /* it does not talk to us now, or stopped talking: try the next */
    SESSION_HOPELESS, /* no other host of this destination will do: the outcome is final
                       */
};

/* Whom to talk to, and how. Only needed while the session is made. */
struct session_plan {
    const struct client_settings *settings; /* the session keeps this one */
    const struct destination *destination;
    const struct route_host *host;
    const char *queue_id;    /* of the message at hand; NULL = none */
    const char *sender;      /* likewise; login.h */
    long long message_age_s; /* likewise */
    bool quiet;              /* nobody is to hear of breaches of the protocol */
    bool tls_waived;         /* the sender has said that TLS is not required (RFC 8689) */
    bool in_clear;           /* TLS has failed with this host, and is only welcome */
};

/*
 * Connect to a host and say hello. On SESSION_FINE *ret is the session, in
 * arena, to be ended by session_close; else *ret_failure is the outcome for
 * recipients that no other host takes.
 */
enum session_end session_open(const struct session_plan *plan, struct arena *arena,
                              struct session **ret, struct outcome *ret_failure);

/* The same over a stream that is connected (and is closed with the session). */
enum session_end session_greet(const struct session_plan *plan, struct stream *stream,
                               struct arena *arena, struct session **ret,
                               struct outcome *ret_failure);

/* Say QUIT unless the session is broken or has said it, and close. NULL is fine. */
void session_close(struct session *session);

/*
 * RSET: is a session that waited still good, or clean again after a
 * transaction that came to nothing? False = it is broken.
 */
bool session_reset(struct session *session, struct arena *arena);

/* --- for transaction.c ------------------------------------------------------ */

/* Limit each write, and the time for each whole reply, to so many seconds; 0 = none. */
void session_set_timeout(struct session *session, int seconds);

/*
 * All that follows, until the next reply is there, must be over within the
 * limit of session_set_timeout, and the time that so many bytes may take.
 */
void session_set_deadline(struct session *session, long long bytes);

/* Say a command, without its line end; it is sent with the next exchange. */
void session_say(struct session *session, struct str command);
/* Something like it was said by other means. */
void session_note_said(struct session *session, struct str command);

/* Send what is pending and read a reply; on anything but STREAM_OK the session is broken.
 */
enum stream_result session_exchange(struct session *session, struct arena *arena,
                                    struct reply *ret) MUST_CHECK;

/* Tell the administrator, through settings->warn. */
void session_warn(const struct session *session, const char *format, ...)
    PRINTF_LIKE(2, 3);

/*
 * "lost connection with H[A] while S" or "conversation with H[A] timed out
 * while S", status 4.4.2.
 */
struct outcome session_lost(const struct session *session, enum stream_result result,
                            const char *stage, struct arena *arena);

/* A reply that stops us, as an outcome with this text. */
struct outcome session_outcome(struct session *session, const struct reply *reply,
                               const char *text, struct arena *arena);

/*
 * "host H[A] said: REPLY (in reply to CMD command)" with the reply's status;
 * of a reply to the greeting or hello see session.c.
 */
struct outcome session_said(struct session *session, const struct reply *reply,
                            const char *command, struct arena *arena);

#endif
