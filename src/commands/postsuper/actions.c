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

/* The time is now, so that pickup does not wait for an attempt that was planned. */
static int requeue_message(struct run *run, const char *queue, const char *id,
                           struct fail *why)
{
    char path[SPOOL_PATH_SIZE];
    struct stat st;
    int found = spool_stat(&run->spool, queue, id, &st, why);

    if (found <= 0)
        return found;
    if (spool_remove_logs(&run->spool, id, why) < 0)
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

static int expire_message(struct run *run, const char *queue, const char *id,
                          struct fail *why)
{
    char path[SPOOL_PATH_SIZE];
    struct stat st;
    int found = spool_stat(&run->spool, queue, id, &st, why);

    if (found <= 0)
        return found;
    if (chmod(spool_path(&run->spool, queue, id, path),
              (st.st_mode & 07777) | SPOOL_BIT_EXPIRE) < 0)
        return errno == ENOENT ? 0 : fail_set(why, "change mode of %s: %m", path);
    return 1;
}

static int expire_and_release(struct run *run, const char *queue, const char *id,
                              struct fail *why)
{
    int done = expire_message(run, queue, id, why);

    if (done > 0 && strcmp(queue, QUEUE_HOLD) == 0)
        return release_message(run, queue, id, why);
    return done;
}

static const struct {
    deed *deed;
    const char *queues[5];    /* where it applies when the command line names none */
    const char *said, *total; /* per message; at the end */
    enum action counted;
} actions[] = {
    [ACTION_DELETE] = {delete_message,
                       {QUEUE_HOLD, QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED},
                       "removed",
                       "Deleted",
                       ACTION_DELETE},
    [ACTION_REQUEUE] = {requeue_message,
                        {QUEUE_HOLD, QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED},
                        "requeued",
                        "Requeued",
                        ACTION_REQUEUE},
    [ACTION_HOLD] = {hold_message,
                     {QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED},
                     "placed on hold",
                     "Placed on hold",
                     ACTION_HOLD},
    [ACTION_RELEASE] = {release_message,
                        {QUEUE_HOLD},
                        "released from hold",
                        "Released from hold",
                        ACTION_RELEASE},
    [ACTION_EXPIRE] = {expire_message,
                       {QUEUE_HOLD, QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED},
                       "expired",
                       "Force-expired",
                       ACTION_EXPIRE},
    [ACTION_EXPIRE_RELEASE] = {expire_and_release,
                               {QUEUE_HOLD, QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED},
                               "expired",
                               "Force-expired",
                               ACTION_EXPIRE},
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

        if (action != ACTION_DELETE && !is_message(run, queues[i], id))
            continue;
        done = actions[action].deed(run, queues[i], id, &why);
        if (done < 0)
            fatal("%s", why.text);
        if (done > 0)
            return true;
    }
    return false;
}

static void run_id(struct run *run, enum action action, const char *id)
{
    run_stop_when_told(run, false);
    if (!queue_id_valid(str_of(id))) {
        log_warning("invalid mail queue id: %s", id);
        return;
    }
    for (int i = 0; i < LOOKS; i++)
        if (try_queues(run, action, id)) {
            run->done[actions[action].counted]++;
            log_info("%s: %s", id, actions[action].said);
            return;
        }
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

static void run_queue(struct run *run, enum action action, const char *queue)
{
    struct fail why;
    struct spool_scan *scan = spool_scan_new(queue, 0, &why);
    const char *id, *path;
    int more;

    if (scan == NULL)
        fatal("%s", why.text);
    while ((more = spool_scan_next(scan, &id, &path, &why)) != 0) {
        run_stop_when_told(run, false);
        if (more < 0) {
            log_warning("%s", why.text);
            continue;
        }
        if (!is_message(run, queue, id))
            continue;
        more = actions[action].deed(run, queue, id, &why);
        if (more < 0)
            fatal("%s", why.text);
        run->done[actions[action].counted] += more > 0;
    }
    spool_scan_free(scan);
}

void order_run(struct run *run, const struct order *order)
{
    const char *const *queues = queues_of(run, order->action);

    if (strcmp(order->id, "-") == 0)
        run_ids_of_stdin(run, order->action);
    else if (strcmp(order->id, "ALL") != 0)
        run_id(run, order->action, order->id);
    else
        for (size_t i = 0; queues[i]; i++)
            run_queue(run, order->action, queues[i]);
}

static void total(const char *what, unsigned long n)
{
    log_info("%s: %lu message%s", what, n, n == 1 ? "" : "s");
}

void order_totals(const struct run *run)
{
    for (size_t i = 0; i < ACTIONS; i++)
        if (run->wanted[i])
            total(actions[i].total, run->done[i]);
    if (run->renamed > 0)
        total("Renamed to match inode number", run->renamed);
}
