/*
 * Delivery into a Maildir: a file of its own for each message, written in tmp/
 * and moved to new/ when it is whole.
 */
#ifndef DELIVER_MAILDIR_H
#define DELIVER_MAILDIR_H

#include "deliver/mailbox.h"

struct maildir {
    const char *path; /* ends in '/' */
    struct rights owner;
    const char *hostname; /* $myhostname, part of the file's name */
    long long size_limit; /* of the file; 0 = none */
    const struct durable *durable;
};

/*
 * Deliver. Missing directories are made, with mode 0700. The content is synced
 * before the file appears in new/, and the name before this returns
 * (durable.h). Leaves the process with the owner's rights (rights.h). The
 * words of a refusal name the file.
 */
int maildir_deliver(const struct maildir *maildir, const struct copy *copy,
                    struct refusal *ret) MUST_CHECK;

#endif
