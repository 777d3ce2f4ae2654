/*
 * Log lines about mail. Log tools parse them, so they are built here and
 * nowhere else, and each has a golden test (tests/unit/mail/test_maillog.c).
 *
 * maillog_add_x appends the text of a line to a buffer; maillog_x logs it.
 * Addresses are given in internal form and shown as style says; NULL means
 * "not known", and such a field is left out. A NULL queue_id shows as NOQUEUE.
 */
#ifndef MAIL_MAILLOG_H
#define MAIL_MAILLOG_H

#include "mail/outcome.h"
#include "util/buf.h"
#include "util/str.h"

#include <stdbool.h>
#include <sys/time.h>

/* What main.cf says about log lines; by value, once a process. */
struct maillog_style {
    bool external;      /* info_log_address_format = external: quoted where need be */
    int delay_decimals; /* delay_logging_resolution_limit, 0 to 6 */
};

/* --- delivery, all agents, and cleanup's own bounces ------------------------ */

/* When a delivery passed its stations. A zeroed time = did not get there: that part
 * counts 0. */
struct maillog_times {
    struct timeval arrival;   /* T record */
    struct timeval active;    /* entered the active queue */
    struct timeval agent;     /* the delivery agent got the request */
    struct timeval connected; /* connection set up; zero = no connection */
    struct timeval done;      /* outcome known */
};

struct maillog_delivery {
    const char *queue_id;
    const char *recipient;
    const char *orig_to; /* shown when it differs by more than case; NULL or "" = none */
    const char *relay;   /* "none", "local", "HOST[ADDR]:PORT" */
    int conn_use;        /* shown when > 1 */
    const char *tls;     /* tls= features; NULL = leave out */
    struct maillog_times times;
    const char *status;  /* "2.0.0" */
    const char *verdict; /* "sent", "bounced", "deferred", "deliverable", "undeliverable",
                            "SOFTBOUNCE" */
    const char *text;    /* in the last parentheses */
};
void maillog_add_delivery(struct buf *out, struct maillog_style style,
                          const struct maillog_delivery *d);
void maillog_delivery(struct maillog_style style, const struct maillog_delivery *d);
/* "sent", "deferred", "bounced". */
const char *maillog_verdict(enum outcome_result result);

/* A delay in seconds: 2 significant digits, at most `decimals`, no trailing zeros: 0 0.02
 * 0.1 1.3 12 141. */
void maillog_add_delay(struct buf *out, double seconds, int decimals);

/* What a stranger sent, with C escapes for what is not printable ASCII. */
void maillog_add_escaped(struct buf *out, struct str s);

/* --- smtpd and other intake ------------------------------------------------- */

/* The common tail of reject and action lines: " from=<s> to=<r> proto=P helo=<h>". */
struct maillog_context {
    const char *sender, *recipient; /* internal form */
    const char *proto, *helo;
    const char *sasl_method, *sasl_username, *sasl_sender;
};

/* Sessions. client is "name[address]". counts is "ehlo=1 mail=1 commands=2", built by
 * smtpd. */
void maillog_connect(const char *client);
void maillog_disconnect(const char *client, const char *counts);
/* "lost connection after DATA (12 bytes) from N[A]"; bytes < 0 = leave out. */
void maillog_lost(const char *reason, const char *stage, long long bytes,
                  const char *client);

/* "improper command pipelining after NOOP from N[A]: RSET\r\n"; ahead: the input that
 * came too early, its beginning shown with C escapes. */
void maillog_add_pipelining(struct buf *out, const char *stage, const char *client,
                            struct str ahead);
void maillog_pipelining(const char *stage, const char *client, struct str ahead);
/* "warning: non-SMTP command from N[A]: GET / HTTP/1.0", its beginning with C escapes. */
void maillog_not_smtp(const char *client, struct str line);

/* "Trusted TLS connection established from N[A]: TLSv1.3 with cipher ..." */
struct maillog_tls {
    const char *trust;     /* "Anonymous", "Untrusted", "Trusted", "Verified" */
    const char *direction; /* "from", "to" */
    const char *peer;      /* "name[address]", "name[address]:port" */
    const char *words;     /* protocol, cipher, ...: tls/tls.h */
};
void maillog_add_tls(struct buf *out, const struct maillog_tls *tls);
void maillog_tls(const struct maillog_tls *tls);
/* "SSL_accept error from N[A]: lost connection" */
void maillog_tls_failed(const char *step, const char *direction, const char *peer,
                        const char *reason);
/* "NOQUEUE: abort: TLS from N[A]: No client certificate presented" */
void maillog_tls_abort(const char *client, const char *reason);
/* "warning: N[A]: SASL PLAIN authentication failed: why, sasl_username=joe"; user: whom
 * the client claims to be, or NULL. */
void maillog_auth_failed(const char *client, const char *mechanism, const char *reason,
                         const char *user);
void maillog_auth_aborted(const char *client, const char *mechanism);

struct maillog_client {
    const char *queue_id, *client;
    const char *sasl_method, *sasl_username, *sasl_sender;
    const char *orig_queue_id, *orig_client;
};
void maillog_add_client(struct buf *out, const struct maillog_client *c);
void maillog_client(const struct maillog_client *c);

/*
 * "QID: reject: RCPT from N[A]: 550 5.1.1 ...; from=<s> to=<r> proto=ESMTP helo=<h>".
 * action: reject, reject_warning, hold, discard, filter, redirect, bcc, warn,
 * info, permit, milter-reject ... ; text: the reply or what was triggered.
 */
void maillog_action(struct maillog_style style, const char *queue_id, const char *action,
                    const char *where, const char *text,
                    const struct maillog_context *context);

/* --- old defaults ------------------------------------------------------------- */

/* "using backwards-compatible default setting" and what follows: NAME=VALUE to do this.
 * Where a default that has changed since decides about mail (conf_has_old_default). */
void maillog_old_default(const char *format, ...) PRINTF_LIKE(1, 2);

/* --- pickup, cleanup ----------------------------------------------------------- */

/* "QID: uid=N from=<s>[ orig_id=Q]": sender as given by the submitter. */
void maillog_pickup(struct maillog_style style, const char *queue_id, long uid,
                    const char *sender, const char *orig_id);
/* "QID: message-id=<...>", or resent-message-id=; id is the text as it stands in the
 * header; NULL = there is none: <>. */
void maillog_message_id(const char *queue_id, bool resent, const char *id);
/*
 * "QID: warning: header Subject: x from N[A]; from=<s> to=<r> proto=P helo=<h>: words":
 * header_checks and its like. Of the text 200 bytes are shown; words NULL or "" = none.
 */
struct maillog_content {
    const char *queue_id;
    const char *action; /* reject, warning, info, hold, discard, filter, ... */
    const char *part;   /* "header", "body", "content", "mime-error WORDS:" */
    struct str text;
    const char *origin; /* "name[address]" or "local" */
    const struct maillog_context *context;
    const char *words;
};
void maillog_content(struct maillog_style style, const struct maillog_content *c);
/* "warning: QID: message rejected: hopcount exceeded" */
void maillog_too_many_hops(const char *queue_id);
/* "QID: removed (canceled)": the client went away or the message was refused after
 * cleanup had it. */
void maillog_canceled(const char *queue_id);

/* --- queue manager --------------------------------------------------------------- */

/* "QID: from=<s>, size=N, nrcpt=N (queue active)" */
void maillog_active(struct maillog_style style, const char *queue_id, const char *sender,
                    long long size, long recipients);
void maillog_removed(const char *queue_id);
/* "QID: from=<s>, status=expired, returned to sender", or force-expired */
void maillog_expired(struct maillog_style style, const char *queue_id, const char *sender,
                     bool forced);
void maillog_skipped(const char *queue_id); /* still being delivered */

/* --- bounce ---------------------------------------------------------------------- */

enum maillog_notice {
    MAILLOG_SENDER_FAILURE,
    MAILLOG_POSTMASTER_FAILURE,
    MAILLOG_SENDER_DELAY,
    MAILLOG_POSTMASTER_DELAY,
    MAILLOG_SENDER_SUCCESS,
};
/* "QID: sender non-delivery notification: NEWQID" */
void maillog_notice(const char *queue_id, enum maillog_notice notice,
                    const char *new_queue_id);
/* "warning: QID: undeliverable postmaster notification discarded" */
void maillog_notice_discarded(const char *queue_id);

#endif
