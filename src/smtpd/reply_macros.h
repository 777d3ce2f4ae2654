/*
 * Macros in the replies that administrators write: default_rbl_reply, rbl_reply_maps,
 * smtpd_reject_footer. $client_address, $helo_name and their kin stand for what is known
 * of the session; strangers choose these values, so that only bytes of
 * smtpd_expansion_filter come through, others as "_", and no macro in them is looked at.
 */
#ifndef SMTPD_REPLY_MACROS_H
#define SMTPD_REPLY_MACROS_H

#include "smtpd/session.h"

struct reply_macro {
    const char *name, *value;
};

struct reply_macros {
    const struct session *session;
    const char *recipient;         /* of this command, or NULL */
    const struct reply_macro *own; /* further ones; unfiltered ones do not exist */
    size_t n_own;
};

/* Append form to out with its macros replaced. An unknown name is empty, and logged. */
int reply_macros_expand(const struct reply_macros *macros, const char *form,
                        struct buf *out, struct fail *why) MUST_CHECK;

#endif
