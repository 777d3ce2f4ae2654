/*
 * One SMTP client, from greeting to goodbye (RFC 5321).
 *
 * A session holds at most one transaction: what MAIL began and the end of
 * data, RSET, HELO or a failure ends. transaction_reset is its only end.
 */
#ifndef SMTPD_SESSION_H
#define SMTPD_SESSION_H

#include "milter/milter.h"
#include "queue/submit.h"
#include "queue/transcript.h"
#include "smtpd/server.h"

#include <sys/time.h>

enum reply {
#define REPLY(name, code, status, trouble, text) REPLY_##name,
#include "smtpd/replies.def"
#undef REPLY
};

/* Commands that the disconnect line counts, in its order. */
enum counted {
    COUNT_HELO,
    COUNT_EHLO,
    COUNT_STARTTLS,
    COUNT_AUTH,
    COUNT_MAIL,
    COUNT_RCPT,
    COUNT_DATA,
    COUNT_RSET,
    COUNT_NOOP,
    COUNT_VRFY,
    COUNT_ETRN,
    COUNT_QUIT,
    COUNT_HELP,
    COUNT_UNKNOWN,
    COUNTED,
};

struct counter {
    unsigned ok, total;
};

/* What access tables want done with the message (access(5)); smtpd/access.h. */
struct orders {
    bool hold, discard;
    const char *filter;   /* "transport:nexthop" */
    const char *redirect; /* sole recipient instead of all others */
    struct texts copies;  /* BCC */
    struct texts headers; /* PREPEND, above our Received */
};

/* The last refusal of a recipient by our restrictions; NULL = none. */
struct said_refusal {
    const char *status, *text; /* "5.1.1", without the address */
};

struct listing;
struct tls_facts; /* tls/tls.h */

struct transaction {
    struct arena *arena;     /* message lifetime */
    bool open;               /* MAIL was accepted */
    bool is_local;           /* its headers are completed as those of our own mail */
    const char *sender;      /* internal form as given; "" = null sender */
    const char *encoding;    /* BODY=: "7bit", "8bit" or NULL */
    int ret;                 /* RET=: RET_FULL, RET_HEADERS, or 0 */
    const char *envelope_id; /* ENVID=, decoded, or NULL */
    long long size;          /* SIZE= or 0; once it is known, the real one */
    const char *sasl_sender; /* AUTH=, as it came; NULL = none */
    struct timeval arrival;
    unsigned number;       /* of the transactions of this process */
    unsigned recipients;   /* accepted */
    unsigned overshoot;    /* refused beyond smtpd_recipient_limit */
    const char *recipient; /* the first accepted one, internal form */
    const char *queue_id;  /* NULL until cleanup has a queue file */
    struct submission *submission;
    struct orders orders;
};

struct session {
    struct server *server;
    const struct conf *conf;
    struct stream *stream;
    struct arena *arena;   /* session lifetime */
    struct arena *command; /* reset before each command */
    struct arena *hello;   /* of helo; one at a time */
    struct netaddr peer, own;
    struct client_name client;
    char address[NETADDR_TEXT]; /* of the client, printable */
    char literal[NETADDR_TEXT]; /* the same with IPv6: */
    const char *client_text;    /* "name[address]", for log lines */
    bool in_mynetworks;
    struct fail mynetworks_trouble;  /* no text, or why that could not be found out */
    struct texts discarded_keywords; /* of EHLO: for this client */
    bool keywords_unknown;           /* the table for it failed */
    const char *counted_as; /* what anvil knows the client by; NULL = not counted */
    enum bare_newline bare_newline;          /* in force for this client */
    const char *helo;                        /* NULL before HELO or EHLO */
    const char *sasl_method, *sasl_username; /* NULL = has not logged in; login.h */
    const char *protocol;                    /* "SMTP" or "ESMTP" */
    const char *where;     /* the last command, for log lines: "CONNECT", "RCPT" */
    const char *reason;    /* why the session ended early, or NULL */
    int64_t deadline_ms;   /* of the request, when there is one */
    long long data_bytes;  /* read in DATA when it broke off, else -1 */
    bool refused;          /* by the restrictions on clients, at the greeting */
    bool quit;             /* no more commands */
    bool impatient;        /* was caught sending ahead, which is logged once */
    bool failed;           /* a 4xx or 5xx was given to the current command */
    unsigned errors, junk; /* since the last message that was taken */
    struct transcript transcript;
    unsigned troubles; /* TROUBLE_ bits of it, since then */
    struct counter counts[COUNTED];
    unsigned commands, commands_ok;
    struct transaction transaction;
    struct listing *listings;    /* what block lists said; restrict_blocklist.c */
    const struct tls_facts *tls; /* what came of the handshake; NULL = in the clear */
    struct milters *filters;     /* NULL = none; filters.c */
    struct milter_host filter_host;
    bool filters_closed;            /* they have refused the client for good */
    const char *filtered_recipient; /* that they are asked about */
    struct said_refusal refusal;
    long long connections; /* of this client; 0 = not counted */
};

/* The whole session; service.h's serve. */
void session_serve(struct client *client);

/* --- reply.c --- */

/* Put one of our replies (replies.def); its "%s" take the arguments. Nothing is flushed.
 */
void session_reply(struct session *session, enum reply reply, ...);
/* Refuse the current command and log a reject line with that sender (NULL = none yet).
 * For replies without arguments. */
void session_refuse(struct session *session, const char *sender, enum reply reply);
/* Put any reply: code, status ("" = none), text. soft_bounce applies, and what main.cf
 * says about refusals: smtpd_reject_filter_maps, smtpd_reject_footer. */
void session_reply_text(struct session *session, int code, const char *status,
                        const char *text);
/* Put a reply that is whole, "550 5.7.1 text", CR LF between its lines. soft_bounce
 * applies; of one line, all that applies to session_reply_text. */
void session_reply_verbatim(struct session *session, const char *reply);
/* Is this code of main.cf one of a refusal? If not, that is logged: a client that hears
 * 250 believes that its mail has been taken. */
bool reply_refuses(int code, const char *status, const char *text);
/* With soft_bounce, a 5xx code and its status ("" = none) become 4xx. */
void reply_soften(const struct session *session, int *code, char *status);
/* With smtpd_per_request_deadline, a request has $smtpd_timeout as a whole, and what
 * comes of a message earns time at $smtpd_min_data_rate. */
void session_start_request(struct session *session);
void session_progress(struct session *session, size_t bytes);
/* Something that the postmaster may want to hear of. */
void session_trouble(struct session *session, enum trouble trouble);
/* A message was taken: errors before it are forgiven. */
void session_forgive(struct session *session);
/* At the start of something new: when the talk so far is long, what went wrong in it is
 * told now, and it is forgotten. */
void session_new_chapter(struct session *session);
/* One line of a multi-line reply. */
void session_reply_line(struct session *session, int code, bool last, const char *text);

/* Input that came ahead of its time; true = the client has its answer and has to go.
 * what: the input as the log may show it. */
bool session_is_impatient(struct session *session, struct str what);
/* The client is gone, or too slow and told so. */
void session_end_by(struct session *session, enum stream_result result);
/* Read over the rest of a line that was too long. */
enum stream_result session_skip_line(struct session *session) MUST_CHECK;

/* Give up what MAIL began; safe at any time. A submission that is still open is
 * cancelled. */
void transaction_reset(struct session *session);

/* The facts that follow a reject line: from, to, proto, helo. */
struct maillog_context session_log_context(const struct session *session,
                                           const char *recipient);

/* --- commands, one file each; argument = what follows the verb, trimmed --- */
void answer_helo(struct session *session, struct str argument);
void answer_ehlo(struct session *session, struct str argument);
void answer_mail(struct session *session, struct str argument);
void answer_rcpt(struct session *session, struct str argument);
void answer_data(struct session *session, struct str argument);
void answer_rset(struct session *session, struct str argument);
void answer_noop(struct session *session, struct str argument);
void answer_vrfy(struct session *session, struct str argument);
void answer_etrn(struct session *session, struct str argument);
void answer_starttls(struct session *session, struct str argument);
void answer_auth(struct session *session, struct str argument);
void answer_quit(struct session *session, struct str argument);
void answer_help(struct session *session, struct str argument);

/* commands.c: what may be said, and when */
enum need { NEED_NOTHING, NEED_HELO = 1, NEED_MAIL = 2, NEED_NO_MAIL = 4 };
enum command_flags {
    COMMAND_JUNK = 1,         /* too many of these count as errors */
    COMMAND_IN_BATCH = 2,     /* others may follow at once (RFC 2920 section 3.1) */
    COMMAND_SAYS_GOODBYE = 4, /* also from a client that has been refused */
    COMMAND_IN_CLEAR = 8,     /* also where mail is taken over TLS only (RFC 3207) */
    COMMAND_SECRET = 16,      /* what follows the verb is shown to nobody */
};
struct command {
    const char *verb;
    void (*answer)(struct session *session, struct str argument);
    unsigned needs;
    enum counted counted;
    unsigned flags;
};
const struct command *command_find(struct str verb);
/* All verbs, for HELP; NULL at the end of the table. */
const struct command *command_at(size_t i);

#endif
