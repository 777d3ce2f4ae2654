/*
 * Appending a message to a mailbox file (mbox), and what deliveries to files
 * have in common: whose rights, how a failure is told.
 */
#ifndef DELIVER_MAILBOX_H
#define DELIVER_MAILBOX_H

#include "deliver/copy.h"
#include "deliver/durable.h"

enum mailbox_lock {
    MAILBOX_FLOCK = 1,
    MAILBOX_FCNTL = 2,
    MAILBOX_DOTLOCK = 4, /* the file PATH.lock */
};

/* $mailbox_delivery_lock, $virtual_mailbox_lock: words to bits; -1 names the bad word. */
int mailbox_locks_parse(const char *parameter, const char *value, unsigned *ret,
                        struct fail *why) MUST_CHECK;

/* A message that is accepted must also fit: limit is 0 (none) or at least
 * message_size_limit. */
int mailbox_check_limit(const char *parameter, long long limit,
                        long long message_size_limit, struct fail *why) MUST_CHECK;

struct mailbox {
    const char *path;
    struct rights owner; /* writes, and owns a new file */
    struct rights maker; /* makes the new file and PATH.lock: the owner, or who may write
                            the directory */
    unsigned locks;
    bool lock_file_optional; /* go on when PATH.lock can't be made for other reasons than
                                that it is there */
    bool strict_owner;       /* the file must be the owner's */
    bool never_a_program;    /* refuse a file that may be executed */
    long long size_limit;    /* of the file; 0 = none */
    const struct durable *durable;
};

/* Why a file did not take a message. */
struct refusal {
    enum copy_result kind; /* of reading: see copy_read_failure; else COPY_NOT_WRITTEN */
    const char *status;    /* "4.2.0" */
    struct fail why;
    long long offset; /* on success: where in the file the message starts */
};
/* The status that a system call's errno means for a recipient. */
const char *refusal_status(int code);

/*
 * Append with the flags of COPY_MBOX or without. The file is locked, the
 * content synced, and the name of a new file too (durable.h); on any failure the
 * file has its old length. Leaves the process with the maker's rights
 * (rights.h).
 */
int mailbox_append(const struct mailbox *mailbox, const struct copy *copy,
                   struct refusal *ret) MUST_CHECK;

#endif
