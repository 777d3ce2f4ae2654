/*
 * From a name in a queue directory to a message in memory. The order keeps
 * everybody safe: the file is locked before it is moved, and moved before it is
 * believed, so that what cannot be read ends in corrupt/ and nowhere else.
 */
#include "qmgr/admit.h"

#include "qmgr/finish.h"
#include "qmgr/refill.h"
#include "util/file.h"
#include "util/log.h"

#include <fcntl.h>
#include <unistd.h>

/* Is it complete, and has its time come? */
static bool is_due(const struct manager *manager, const struct stat *st, unsigned flags)
{
    return spool_is_ready(st) &&
           (flags & ADMIT_ANY_TIME || st->st_mtime <= manager_now(manager).tv_sec + 1);
}

/* Most of what a scan meets is not due, and told apart without opening it. */
static bool may_be_due(const struct manager *manager, const char *queue, const char *id,
                       unsigned flags)
{
    struct stat st;
    struct fail why;

    return flags & (ADMIT_FRESH | ADMIT_ANY_TIME) ||
           (spool_stat(&manager->spool, queue, id, &st, &why) > 0 &&
            is_due(manager, &st, flags));
}

/* Lock it and move it to active/. */
static enum admission claim(struct manager *manager, const char *queue, const char *id,
                            unsigned flags, int fd, struct stat *ret)
{
    struct fail why;
    int moved;

    if (fstat(fd, ret) < 0 || !is_due(manager, ret, flags))
        return ADMIT_SKIPPED;
    if (file_lock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FLOCK, false, &why) != 0) {
        maillog_skipped(id);
        return ADMIT_LOCKED;
    }
    moved = spool_move(&manager->spool, id, queue, QUEUE_ACTIVE, &why);
    if (moved < 0)
        manager_strand(manager, id, &why);
    return moved > 0 ? ADMIT_TAKEN : ADMIT_SKIPPED;
}

/* Unreadable for now: it has its next attempt, like others that fail. */
static void put_off(struct manager *manager, const char *id, const struct fail *reason)
{
    time_t next = manager_now(manager).tv_sec + manager->conf->minimal_backoff_time;
    struct fail why;

    log_warning("%s: %s", id, reason->text);
    if (spool_defer(&manager->spool, id, next, &why) < 0)
        manager_strand(manager, id, &why);
}

static struct message *read_message(struct manager *manager, const char *id, int fd)
{
    struct arena *arena = arena_new("message");
    struct message *message = ARENA_NEW(arena, struct message);
    struct fail why;

    if (envelope_read(fd, refill_first(manager), arena, &message->envelope, &why) == 0) {
        message->manager = manager;
        message->arena = arena;
        message->id = arena_copy(arena, id);
        message->fd = fd;
        return message;
    }
    if (why.code == 0) {
        log_warning("%s: %s", id, why.text);
        message_corrupt(manager, id);
    } else {
        put_off(manager, id, &why);
    }
    arena_free(arena);
    return NULL;
}

/* What postsuper and postqueue said through the mode of the file. */
static void read_mode(struct message *message, mode_t mode)
{
    message->expire = mode & SPOOL_BIT_EXPIRE;
    message->unthrottle = mode & SPOOL_BIT_UNTHROTTLE;
    if (message->unthrottle &&
        fchmod(message->fd, mode & 07777 & ~(mode_t)SPOOL_BIT_UNTHROTTLE) < 0)
        log_warning("%s: change mode: %m", message->id);
}

/* Who was told that the message is late will be told that it is delivered. */
static void promise_good_news(struct message *message)
{
    if (message->envelope.warn_at == -1 && message->manager->conf->confirm_delay_cleared)
        message->envelope.trace_flags |= TRACE_DELAY_CLEARED;
}

/* The log of the last attempt gives way to that of this one. */
static void forget_last_attempt(struct manager *manager, const char *id)
{
    struct fail why;

    if (spool_remove(&manager->spool, QUEUE_DEFER, id, &why) < 0)
        log_warning("%s: %s", id, why.text);
}

static void activate(struct message *message)
{
    struct manager *manager = message->manager;
    const struct envelope *envelope = &message->envelope;

    message->active = manager_now(manager);
    message->number = manager->arrivals++;
    manager->files++;
    if (message_is_probe(message))
        manager->probes++;
    map_set(manager->messages, str_of(message->id), message);
    maillog_active(manager->log_style, message->id, envelope->sender,
                   message_size(message),
                   envelope->next ? envelope->size.recipients : (long)envelope->n);
    message_rest(message);
    if (envelope->n > 0)
        message_take_recipients(message, message->arena);
    else
        finish_message(message);
}

enum admission admit(struct manager *manager, const char *queue, const char *id,
                     unsigned flags)
{
    enum admission admission;
    struct message *message;
    struct stat st;
    struct fail why;
    int fd, found;

    if (map_get(manager->messages, str_of(id)) || !may_be_due(manager, queue, id, flags))
        return ADMIT_SKIPPED;
    found = spool_open(&manager->spool, queue, id, O_RDWR, &fd, &why);
    if (found < 0 && why.code)
        manager_strand(manager, id, &why);
    else if (found < 0) /* no file that a message may be */
        log_warning("%s: %s", id, why.text);
    if (found <= 0)
        return ADMIT_SKIPPED;
    admission = claim(manager, queue, id, flags, fd, &st);
    message = admission == ADMIT_TAKEN ? read_message(manager, id, fd) : NULL;
    if (!message) {
        close(fd);
        return admission;
    }
    if (!(flags & ADMIT_FRESH))
        forget_last_attempt(manager, id);
    message->flush = flags & ADMIT_FLUSH;
    read_mode(message, st.st_mode);
    promise_good_news(message);
    activate(message);
    return ADMIT_TAKEN;
}
