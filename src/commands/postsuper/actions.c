/*
 * What postsuper does to a message, by its id or to ALL of a queue.
 *
 * The mail system runs meanwhile: a message may move between two queues just
 * when we look, so the queues are looked through twice before an id counts as
 * unknown. That is no error: the message may have been delivered.
 */
#include "commands/postsuper/postsuper.h"

#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOOKS = 2 };

/* Do it to the file of id in queue: 1 = done, 0 = it is not there, -1 = failed. */
typedef int deed(struct run *run, const char *queue, const char *id, struct fail *why);

/* --- deeds --- */

static int delete_message(struct run *run, const char *queue, const char *id,
                          struct fail *why)
{
    struct stat st;
    int found = spool_stat(&run->spool, queue, id, &st, why);

    if (found <= 0)
        return found;
    /* The logs first: an id must not be used again while an old log is there. */
    if (spool_remove_logs(&run->spool, id, why) < 0)
        return -1;
    return spool_remove(&run->spool, queue, id, why);
}

/*
 * The time is now, so that pickup does not wait for an attempt that was planned. The
 * bounce log stays: from it pickup knows who failed of whom the sender has not heard. It
 * removes what is there when agents have let go of the file.
 */
static int requeue_message(struct run *run, const char *queue, const char *id,
                           struct fail *why)
{
    char path[SPOOL_PATH_SIZE];
    struct stat st;
    int found = spool_stat(&run->spool, queue, id, &st, why);

    if (found <= 0)
        return found;
    if (spool_remove(&run->spool, QUEUE_DEFER, id, why) < 0 ||
        spool_remove(&run->spool, QUEUE_TRACE, id, why) < 0)
        return -1;
    if (utimensat(AT_FDCWD, spool_path(&run->spool, queue, id, path), NULL, 0) < 0)
        return errno == ENOENT ? 0 : fail_set(why, "set time of %s: %m", path);
    return spool_move(&run->spool, id, queue, QUEUE_MAILDROP, why);
}

static int hold_message(struct run *run, const char *queue, const char *id,
                        struct fail *why)
{
    return spool_move(&run->spool, id, queue, QUEUE_HOLD, why);
}

static int release_message(struct run *run, const char *queue, const char *id,
                           struct fail *why)
{
    return spool_move(&run->spool, id, queue, QUEUE_DEFERRED, why);
}

/* Nothing to do for one that is marked already. */
static int expire_message(struct run *run, const char *queue, const char *id,
                          struct fail *why)
{
    char path[SPOOL_PATH_SIZE];
    struct stat st;
    int found = spool_stat(&run->spool, queue, id, &st, why);

    if (found <= 0 || st.st_mode & SPOOL_BIT_EXPIRE)
        return found < 0 ? -1 : 0;
    if (chmod(spool_path(&run->spool, queue, id, path),
              (st.st_mode & 07777) | SPOOL_BIT_EXPIRE) < 0)
        return errno == ENOENT ? 0 : fail_set(why, "change mode of %s: %m", path);
    return 1;
}

static const struct {
    deed *deed;
    const char *queues[5];    /* where it applies when the command line names none */
    const char *never;        /* a queue where it makes no sense, even when it is named */
    const char *said, *total; /* per message; at the end */
} actions[ACTIONS] = {
    [ACTION_DELETE] = {delete_message,
                       {QUEUE_HOLD, QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED},
                       "",
                       "removed",
                       "Deleted"},
    [ACTION_REQUEUE] = {requeue_message,
                        {QUEUE_HOLD, QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED},
                        QUEUE_MAILDROP,
                        "requeued",
                        "Requeued"},
    [ACTION_HOLD] = {hold_message,
                     {QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED},
                     QUEUE_HOLD,
                     "placed on hold",
                     "Placed on hold"},
    [ACTION_RELEASE] = {release_message,
                        {QUEUE_HOLD},
                        QUEUE_DEFERRED,
                        "released from hold",
                        "Released from hold"},
    [ACTION_EXPIRE] = {expire_message,
                       {QUEUE_HOLD, QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED},
                       "",
                       "expired",
                       "Force-expired"},
};

/* --- orders --- */

static const char *const *queues_of(const struct run *run, enum action action)
{
    return run->directories[0] ? run->directories : actions[action].queues;
}

/* A file that is still being written does not exist yet (queue/README.md). */
static bool is_message(const struct run *run, const char *queue, const char *id)
{
    struct fail why;
    struct stat st;

    return spool_stat(&run->spool, queue, id, &st, &why) > 0 && spool_is_ready(&st);
}

/* The same deed for one id; true when it was done. */
static bool try_queues(struct run *run, enum action action, const char *id)
{
    const char *const *queues = queues_of(run, action);
    struct fail why;

    for (size_t i = 0; queues[i]; i++) {
        int done;

        if (strcmp(queues[i], actions[action].never) == 0 ||
            (action != ACTION_DELETE && !is_message(run, queues[i], id)))
            continue;
        done = actions[action].deed(run, queues[i], id, &why);
        if (done < 0)
            fatal("%s", why.text);
        if (done > 0)
            return true;
    }
    return false;
}

static void run_valid_id(struct run *run, enum action action, const char *id)
{
    if (action == ACTION_EXPIRE_RELEASE) {
        run_valid_id(run, ACTION_EXPIRE, id);
        action = ACTION_RELEASE;
    }
    for (int i = 0; i < LOOKS; i++)
        if (try_queues(run, action, id)) {
            run->done[action]++;
            log_info("%s: %s", id, actions[action].said);
            return;
        }
}

static void run_id(struct run *run, enum action action, const char *id)
{
    run_stop_when_told(run, false);
    if (queue_id_valid(str_of(id)))
        run_valid_id(run, action, id);
    else
        log_warning("invalid mail queue id: %s", id);
}

static void run_ids_of_stdin(struct run *run, enum action action)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;

    while ((n = getline(&line, &size, stdin)) >= 0) {
        if (n > 0 && line[n - 1] == '\n')
            line[n - 1] = '\0';
        run_id(run, action, line);
    }
    free(line);
}

static void run_file(struct run *run, enum action action, const char *queue,
                     const char *id)
{
    struct fail why;
    int done =
        is_message(run, queue, id) ? actions[action].deed(run, queue, id, &why) : 0;

    if (done < 0)
        fatal("%s", why.text);
    run->done[action] += done > 0;
}

static void run_queue(struct run *run, enum action action, const char *queue)
{
    struct fail why;
    struct spool_scan *scan = spool_scan_new(queue, SPOOL_SCAN_ODD_NAMES, &why);
    const char *id, *path;
    int more;

    if (scan == NULL)
        fatal("%s", why.text);
    while ((more = spool_scan_next(scan, &id, &path, &why)) != 0) {
        run_stop_when_told(run, false);
        if (more < 0)
            log_warning("%s", why.text);
        else if (queue_id_valid(str_of(id)))
            run_file(run, action, queue, id);
        else if (!name_is_temporary(id))
            log_warning("bogus file name: %s", path);
    }
    spool_scan_free(scan);
}

static void run_all(struct run *run, enum action action)
{
    const char *const *queues = queues_of(run, action);

    for (size_t i = 0; queues[i]; i++)
        if (strcmp(queues[i], actions[action].never) != 0)
            run_queue(run, action, queues[i]);
}

void order_run(struct run *run, const struct order *order)
{
    if (strcmp(order->id, "-") == 0) {
        run_ids_of_stdin(run, order->action);
    } else if (strcmp(order->id, "ALL") != 0) {
        run_id(run, order->action, order->id);
    } else if (order->action == ACTION_EXPIRE_RELEASE) {
        run_all(run, ACTION_EXPIRE);
        run_all(run, ACTION_RELEASE);
    } else {
        run_all(run, order->action);
    }
}

static void total(const char *what, unsigned long n)
{
    log_info("%s: %lu message%s", what, n, n == 1 ? "" : "s");
}

void order_totals(const struct run *run)
{
    for (size_t i = 0; i < ACTIONS; i++)
        if (run->wanted[i] || run->done[i] > 0)
            total(actions[i].total, run->done[i]);
    if (run->renamed > 0)
        total("Renamed to match inode number", run->renamed);
}
