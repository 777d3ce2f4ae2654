/*
 * The end of a message's stay in the active queue. One step after the other,
 * each when the one before has succeeded: the report on failures, the report on
 * successes; then, with recipients left, either the return of all of them (too
 * old), or a warning (late) and the next attempt; without, removal. A report that
 * cannot be sent leaves the message for another time: nothing is lost, since the
 * logs of the message stay.
 */
#include "qmgr/finish.h"

#include "qmgr/reporter.h"
#include "util/log.h"

#include <unistd.h>

enum { LOOKS = 2 };

/* --- the file is not in active/ any more ----------------------------------------- */

/* Moved while we look, it may seem to be nowhere. */
static bool is_somewhere(const struct message *message)
{
    struct spool *spool = &message->manager->spool;
    const char *queue;
    struct fail why;
    struct stat st;

    if (message->fd >= 0)
        return fstat(message->fd, &st) < 0 || st.st_nlink > 0;
    for (int i = 0; i < LOOKS; i++)
        if (spool_find(spool, message->id, &queue, &st, &why) != 0)
            return true;
    return false;
}

/* postsuper took it. What it deleted, with the logs of the time, must not leave those
 * that agents have written since: the id may come again. What it put elsewhere needs
 * them. */
static void was_taken(struct message *message)
{
    struct fail why;

    if (!is_somewhere(message) &&
        spool_remove_logs(&message->manager->spool, message->id, &why) < 0)
        log_warning("%s", why.text);
    message_free(message);
}

/* --- the last step ------------------------------------------------------------- */

static void remove_message(struct message *message)
{
    struct fail why;
    int removed = spool_remove(&message->manager->spool, QUEUE_ACTIVE, message->id, &why);

    if (removed == 0) {
        was_taken(message);
        return;
    }
    if (removed < 0)
        manager_strand(message->manager, message->id, &why);
    else
        maillog_removed(message->id);
    message_free(message);
}

/* How long to leave it alone: as long as it has waited, within the limits. */
static time_t backoff(const struct message *message, time_t now)
{
    const struct conf *conf = message->manager->conf;
    time_t age = now - message->envelope.created;

    if (age > conf->maximal_backoff_time)
        age = conf->maximal_backoff_time;
    return age > conf->minimal_backoff_time ? age : conf->minimal_backoff_time;
}

static void defer_message(struct message *message)
{
    time_t now = manager_now(message->manager).tv_sec;
    struct fail why;
    int moved = spool_defer(&message->manager->spool, message->id,
                            now + backoff(message, now), &why);

    if (moved == 0) {
        was_taken(message);
        return;
    }
    if (moved < 0)
        manager_strand(message->manager, message->id, &why);
    message_free(message);
}

/* An agent found the file damaged, and said so by its mode. */
static bool is_marked_corrupt(const struct message *message)
{
    struct stat st;
    struct fail why;

    return message->deferred > 0 &&
           spool_stat(&message->manager->spool, QUEUE_ACTIVE, message->id, &st, &why) >
               0 &&
           (st.st_mode & S_IRWXU) == SPOOL_MODE_CORRUPT;
}

/* --- recipients that are left -------------------------------------------------- */

static void warned(struct message *message, bool ok)
{
    struct fail why;

    if (ok) {
        int fd = message_file(message, &why);

        if (fd < 0 || envelope_mark_warned(fd, message->envelope.warn_offset, &why) < 0)
            log_warning("%s: note the delay warning: %s", message->id, why.text);
    }
    defer_message(message);
}

static void returned(struct message *message, bool ok)
{
    if (ok)
        remove_message(message);
    else
        defer_message(message);
}

static void finish_rest(struct message *message)
{
    struct manager *manager = message->manager;
    const struct envelope *envelope = &message->envelope;
    time_t now = manager_now(manager).tv_sec;

    if (message->deferred == 0) {
        remove_message(message);
    } else if (is_marked_corrupt(message)) {
        message_corrupt(manager, message->id);
        message_free(message);
    } else if (message->unlogged == 0 &&
               (message->expire || message_is_last_try(message, now))) {
        maillog_expired(manager->log_style, message->id, envelope->sender,
                        message->expire);
        reporter_ask(manager->reporter, manager->conf->defer_service_name, "flush",
                     message, returned);
    } else if (envelope->warn_at > 0 && now >= envelope->warn_at - 1) {
        reporter_ask(manager->reporter, manager->conf->defer_service_name, "warn",
                     message, warned);
    } else {
        defer_message(message);
    }
}

/* --- reports ------------------------------------------------------------------- */

/* Is there a log of this message? Errors show when it is read. */
static bool has_log(const struct message *message, const char *queue)
{
    char path[SPOOL_PATH_SIZE];

    return access(spool_path(&message->manager->spool, queue, message->id, path), F_OK) ==
           0;
}

static void traced(struct message *message, bool ok)
{
    if (ok)
        finish_rest(message);
    else
        defer_message(message);
}

static void finish_trace(struct message *message)
{
    struct manager *manager = message->manager;

    if ((message->success_reports || message->envelope.trace_flags) &&
        has_log(message, QUEUE_TRACE))
        reporter_ask(manager->reporter, manager->conf->trace_service_name, "trace",
                     message, traced);
    else
        finish_rest(message);
}

static void bounced(struct message *message, bool ok)
{
    if (ok)
        finish_trace(message);
    else
        defer_message(message);
}

void finish_message(struct message *message)
{
    struct manager *manager = message->manager;

    if (message->lost)
        was_taken(message);
    else if (has_log(message, QUEUE_BOUNCE))
        reporter_ask(manager->reporter, manager->conf->bounce_service_name, "flush",
                     message, bounced);
    else
        finish_trace(message);
}
