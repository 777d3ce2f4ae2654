/*
 * Decides where an address extension begins. Names that the mail system
 * itself answers for are never split, whatever the delimiter.
 */
#include "mail/extension.h"

static bool is_reserved(struct str local_part, const char *delimiters,
                        const char *double_bounce_sender)
{
    if (str_is_nocase(local_part, "postmaster") ||
        str_is_nocase(local_part, "mailer-daemon") ||
        (double_bounce_sender && str_is_nocase(local_part, double_bounce_sender)))
        return true;
    /* "owner-list" and "list-request" are roles of a list, unless something else delimits
     */
    return strchr(delimiters, '-') != NULL && (str_starts_nocase(local_part, "owner-") ||
                                               str_ends_nocase(local_part, "-request"));
}

struct extension extension_split(struct str local_part, const char *delimiters,
                                 const char *double_bounce_sender)
{
    struct extension whole = {
        .user = local_part,
        .extension = {local_part.p + local_part.n, 0},
    };
    size_t at = str_find_any(local_part, delimiters);

    if (at == 0 || at == local_part.n ||
        is_reserved(local_part, delimiters, double_bounce_sender))
        return whole;
    return (struct extension){
        .user = str_head(local_part, at),
        .extension = str_tail(local_part, at + 1),
    };
}
