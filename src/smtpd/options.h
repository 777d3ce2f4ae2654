/*
 * ESMTP parameters: what may follow the address in MAIL FROM and RCPT TO
 * (RFC 5321 section 4.1.1.11), one row each in options.c.
 */
#ifndef SMTPD_OPTIONS_H
#define SMTPD_OPTIONS_H

#include "smtpd/session.h"

struct options {
    long long size;       /* SIZE=, 0 = not told (RFC 1870) */
    const char *encoding; /* BODY=: "7bit", "8bit", or NULL (RFC 6152) */
    int ret;              /* RET=: RET_FULL, RET_HEADERS, or 0 (RFC 3461 section 4.3) */
    const char *envelope_id; /* ENVID=, decoded, or NULL (4.4) */
    const char *sasl_sender; /* AUTH=, as it came, or NULL (RFC 4954 section 5) */
    int notify;              /* NOTIFY=: NOTIFY_ bits, or 0 (4.1) */
    const char *orcpt;       /* ORCPT=: "type;address", decoded, or NULL (4.2) */
};

enum { OPTION_MAIL = 1, OPTION_RCPT = 2 };

/*
 * Take the words after an address. command is the one they belong to. false
 * when one was refused; the client has its reply then, and *ret is of no use.
 * Texts live in the transaction's arena.
 */
bool options_take(struct session *session, int command, struct str words,
                  struct options *ret);

#endif
