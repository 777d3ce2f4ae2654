/*
 * What is left of an instance goes, but only what the mail system itself has made: a
 * directory that holds anything else stays, with a warning.
 */
#include "commands/postmulti/postmulti.h"

#include "util/log.h"

#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const mail_queues[] = {"maildrop", "incoming", "active", "deferred",
                                          "hold",     "corrupt",  NULL};
static const char *const queue_parts[] = {
    "maildrop", "incoming", "active",  "deferred", "hold", "corrupt", "bounce", "defer",
    "trace",    "flush",    "private", "public",   "pid",  "saved",   NULL};
static const char *const data_files[] = {"master.lock",           "prng_exch",
                                         "verify_cache.db",       "postscreen_cache.db",
                                         "smtpd_scache.db",       "smtp_scache.db",
                                         "lmtp_scache.db",        "verify_cache.lmdb",
                                         "postscreen_cache.lmdb", NULL};
static const char *const config_files[] = {"main.cf", "master.cf", NULL};

/*
 * The queue belongs to the mail owner, who may put a link in place of a directory at any
 * time. So directories are entered one by one, which looks whether each still is the one
 * that was seen, and what is removed is named within the one where we are.
 */
static FTS *open_tree(const char *path)
{
    char *paths[] = {(char *)path, NULL};
    FTS *tree = fts_open(paths, FTS_PHYSICAL, NULL);

    if (!tree)
        fatal("look into %s: %m", path);
    return tree;
}

/* Ends the program where we cannot see what there is. */
static bool holds_files(const char *path)
{
    FTS *tree = open_tree(path);
    const FTSENT *entry;
    bool found = false;

    while ((entry = fts_read(tree)) != NULL) {
        errno = entry->fts_errno;
        if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR ||
            (entry->fts_info == FTS_NS && errno != ENOENT))
            fatal("look into %s: %m", entry->fts_path);
        found |= entry->fts_info == FTS_F;
    }
    if (errno != 0)
        fatal("look into %s: %m", path);
    fts_close(tree);
    return found;
}

bool instance_queue_is_empty(const struct instance *instance)
{
    for (size_t i = 0; mail_queues[i]; i++) {
        char path[1000];

        snprintf(path, sizeof(path), "%s/%s", instance->queue, mail_queues[i]);
        if (holds_files(path))
            return false;
    }
    return true;
}

/* Directories of hashed queues, sockets, logs of recipients: nothing else is made there.
 */
static void remove_tree(const char *path)
{
    FTS *tree = open_tree(path);
    const FTSENT *entry;

    while ((entry = fts_read(tree)) != NULL)
        if (entry->fts_info == FTS_DP)
            rmdir(entry->fts_accpath);
        else if (entry->fts_info != FTS_D)
            unlink(entry->fts_accpath);
    fts_close(tree);
}

static void remove_files(const char *directory, const char *const *names)
{
    for (size_t i = 0; names[i]; i++) {
        char path[1000];

        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        if (unlink(path) < 0 && errno != ENOENT)
            log_warning("remove %s: %m", path);
    }
}

static void remove_directory(const char *path)
{
    if (rmdir(path) < 0 && errno != ENOENT)
        log_warning("not removed: %s: %m", path);
}

void instance_remove_files(const struct instance *instance)
{
    for (size_t i = 0; queue_parts[i]; i++) {
        char path[1000];

        snprintf(path, sizeof(path), "%s/%s", instance->queue, queue_parts[i]);
        remove_tree(path);
    }
    remove_directory(instance->queue);
    remove_files(instance->data, data_files);
    remove_directory(instance->data);
    remove_files(instance->directory, config_files);
    remove_directory(instance->directory);
}
