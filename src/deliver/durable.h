/*
 * Whether the directory of a delivered file needs an fsync of its own before
 * its recipient is marked as done (design: the life of a message).
 *
 * On ext4 and xfs one journal orders what happens to names: when mailbox and
 * queue share a file system, the queue file's unlink cannot reach the disk
 * ahead of the mailbox file's name. Anywhere else the directory is synced.
 */
#ifndef DELIVER_DURABLE_H
#define DELIVER_DURABLE_H

#include "util/attributes.h"
#include "util/fail.h"

#include <stdbool.h>
#include <sys/stat.h>

struct durable {
    bool ordered; /* the queue's file system keeps the order of names */
    dev_t queue;  /* that file system */
};

/* Look at the file system of the queue directory, once a process. Zeroed = sync always.
 */
void durable_init(struct durable *durable, const char *queue_directory);

/* Make the name of the file described by st, which is below directory, last. */
int durable_directory(const struct durable *durable, const char *directory,
                      const struct stat *st, struct fail *why) MUST_CHECK;
/* The same for the directory that holds path. */
int durable_parent(const struct durable *durable, const char *path, const struct stat *st,
                   struct fail *why) MUST_CHECK;

#endif
