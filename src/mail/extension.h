/* Address extensions: "joe+lists" is user joe with the extension lists. */
#ifndef MAIL_EXTENSION_H
#define MAIL_EXTENSION_H

#include "util/str.h"

/* "joe+lists" as two views of the same bytes. */
struct extension {
    struct str user;      /* "joe"; never empty unless the local part is */
    struct str extension; /* "lists"; .n == 0 when there is none */
};

/*
 * Split a mailbox local part at its address extension.
 *
 * local_part   unquoted, without "@domain" (RFC 5321 section 4.1.2)
 * delimiters   $recipient_delimiter: each byte is one delimiter; "" = none
 *
 * The result points into local_part and lives as long as it does. Not split:
 * a part that begins with a delimiter, the names that RFC 5321 reserves
 * ("postmaster") or the system sends from ("mailer-daemon", double_bounce),
 * and, when '-' is a delimiter, "owner-list" and "list-request". At the
 * first delimiter found from the left.
 */
struct extension extension_split(struct str local_part, const char *delimiters,
                                 const char *double_bounce_sender);

#endif
