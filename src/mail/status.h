/* Enhanced status codes, RFC 3463: class.subject.detail. */
#ifndef MAIL_STATUS_H
#define MAIL_STATUS_H

#include "util/attributes.h"
#include "util/str.h"

#define STATUS_MAX 12 /* bytes of "5.123.456" with its NUL, and a little */

/*
 * Length of the status code at the start of text: class 2, 4 or 5, then two
 * numbers of 1 to 3 digits, ended by a blank or the end. 0 = none there.
 */
size_t status_length(struct str text);
/* Is all of text one status code? */
bool status_is_valid(struct str text);

struct status_split {
    char status[STATUS_MAX];
    struct str text; /* what follows, blanks trimmed; points into the input */
};

/*
 * Take a leading status code off text; without one, take `fallback`.
 * "5.7.2" alone gives an empty text (CVE-2026-43964).
 */
struct status_split status_split(struct str text, const char *fallback);

/* Force the class: status_set_class(s, '4') turns "5.1.1" into "4.1.1". s must be valid.
 */
void status_set_class(char *status, char class_digit);

/*
 * The status of an SMTP reply: the code in the text when its class equals the
 * reply code's, else "N.0.0" (formats: replies of other servers).
 */
struct status_split status_of_reply(int code, struct str text);

/* What a command means that exits with a sysexits(3) `code`; NULL = not one of them. */
struct status_exit {
    int code;
    const char *status; /* "5.1.1" */
    const char *text;   /* "user unknown" */
};
const struct status_exit *status_of_exit(int code);

#endif
