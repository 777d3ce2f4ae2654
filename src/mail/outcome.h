/*
 * What happened to one recipient, decided by delivery code and carried as is
 * to the log line, the bounce log and the queue manager. Never mixed up with
 * a function's -1.
 */
#ifndef MAIL_OUTCOME_H
#define MAIL_OUTCOME_H

#include "mail/status.h"
#include "util/arena.h"
#include "util/attributes.h"

enum outcome_result {
    OUTCOME_DELIVERED, /* status 2.x.x */
    OUTCOME_DEFERRED,  /* status 4.x.x: try again later */
    OUTCOME_BOUNCED,   /* status 5.x.x: the sender is told */
};

struct outcome {
    enum outcome_result result;
    char status[STATUS_MAX];
    const char *text;            /* one line, in the arena given */
    const char *remote_mta;      /* host name that answered; NULL = none */
    const char *diagnostic_type; /* "smtp", "x-unix"; NULL = none */
    const char *diagnostic_text; /* its reply; NULL = none */
    const char *relay;  /* of the log line, "host[addr]:25"; NULL = the agent's name */
    const char *action; /* RFC 3464 action when it does not follow from result
                           ("relayed", "expanded"); NULL = follows */
};

/*
 * The result follows from the status' class (anything but 2 and 4 bounces); the text
 * lives in arena. outcome_fail splits a leading status code off the text.
 */
struct outcome outcome_make(struct arena *arena, const char *status, const char *format,
                            ...) PRINTF_LIKE(3, 4);
/* From text that may begin with its own status ("4.7.1 come back"), else `fallback`. */
struct outcome outcome_from_text(struct arena *arena, struct str text,
                                 const char *fallback);
/* soft_bounce: what would bounce is deferred, status class 4. */
void outcome_soften(struct outcome *outcome);

#endif
