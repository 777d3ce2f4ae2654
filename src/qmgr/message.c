/*
 * Bookkeeping of active messages: memory, the open queue file, and the count of
 * recipients that decides when a message is finished or more is to be read.
 */
#include "qmgr/message.h"

#include "ipc/messages.h"
#include "mail/address.h"
#include "mail/maillog.h"
#include "mail/transport.h"
#include "qmgr/assign.h"
#include "qmgr/finish.h"
#include "qmgr/refill.h"
#include "qmgr/resolver.h"
#include "util/file.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* --- the file ------------------------------------------------------------------ */

int message_file(struct message *message, struct fail *why)
{
    struct manager *manager = message->manager;
    int fd, found;

    if (message->fd >= 0)
        return message->fd;
    found = spool_open(&manager->spool, QUEUE_ACTIVE, message->id, O_RDWR, &fd, why);
    if (found == 0) {
        errno = ENOENT;
        return fail_set(why, "queue file: %m");
    }
    if (found < 0)
        return -1;
    if (file_lock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FLOCK, false, why) != 0) {
        close(fd);
        return -1;
    }
    manager->files++;
    return message->fd = fd;
}

static void close_file(struct message *message)
{
    if (message->fd < 0)
        return;
    close(message->fd);
    message->fd = -1;
    message->manager->files--;
}

void message_rest(struct message *message)
{
    const struct manager *manager = message->manager;

    if (message->in_delivery == 0 && manager->files > manager->files_max)
        close_file(message);
}

/* --- recipients ---------------------------------------------------------------- */

/* How many of those in the file to read now. */
static size_t wanted(const struct message *message)
{
    return message->envelope.next != 0 && message->unresolved_batches == 0
               ? refill_more(message)
               : 0;
}

static void resolved(void *context, const struct resolved *answer)
{
    struct target *target = context;
    struct batch *batch = target->batch;

    target->transport = arena_copy(batch->arena, answer->transport);
    target->nexthop = arena_copy(batch->arena, answer->nexthop);
    target->flags = (int)answer->flags;
    if (*answer->recipient)
        target->recipient->address = arena_copy(batch->arena, answer->recipient);
    if (--batch->unresolved == 0)
        assign_batch(batch);
}

bool message_is_probe(const struct message *message)
{
    return message->envelope.trace_flags & (TRACE_PROBE_MTA | TRACE_PROBE_USER);
}

/* The content filter gets everything; where it sends it on is its own business. */
static void route_to_filter(struct target *target)
{
    const struct message *message = target->batch->message;
    const struct conf *conf = message->manager->conf;
    struct transport_route filter = transport_split(str_of(message->envelope.filter));
    struct str nexthop = filter.nexthop;

    if (nexthop.n == 0)
        nexthop = str_of(conf->default_filter_nexthop);
    if (nexthop.n == 0)
        nexthop = address_split(str_of(target->recipient->address)).domain;
    if (nexthop.n == 0)
        nexthop = str_of(conf->myhostname);
    target->transport = arena_copy_str(target->batch->arena, filter.transport);
    target->nexthop = arena_copy_str(target->batch->arena, nexthop);
    if (--target->batch->unresolved == 0)
        assign_batch(target->batch);
}

static void find_route(struct target *target)
{
    const struct message *message = target->batch->message;

    if (*message->envelope.filter && !message_is_probe(message)) {
        route_to_filter(target);
        return;
    }
    resolver_ask(message->manager->resolver,
                 &(struct resolve){.flags = message_is_probe(message) ? RESOLVE_PROBE : 0,
                                   .sender = message->envelope.sender,
                                   .address = target->recipient->address},
                 resolved, target);
}

/*
 * A redirected message goes to one address: the first recipient stands for it,
 * the others ask for nothing. When the first one is done, they are too, since
 * the message is.
 */
static size_t count_asked(const struct message *message, const struct batch *batch)
{
    if (*message->envelope.redirect == '\0')
        return batch->n;
    if (message->redirected)
        return 0;
    batch->targets[0].recipient->address = message->envelope.redirect;
    return 1;
}

static struct batch *batch_new(struct message *message, struct arena *arena)
{
    struct envelope *envelope = &message->envelope;
    struct batch *batch = ARENA_NEW(arena, struct batch);

    *batch = (struct batch){.message = message, .arena = arena, .n = envelope->n};
    batch->left = batch->n;
    batch->targets = arena_array(arena, batch->n, sizeof(*batch->targets));
    /* Also for recipients that were aliases: cleanup left a record for them. */
    if (envelope->size.flags & (NOTIFY_SUCCESS << SIZE_NOTIFY_SHIFT))
        message->success_reports = true;
    for (size_t i = 0; i < batch->n; i++) {
        batch->targets[i] =
            (struct target){.recipient = &envelope->recipients[i], .batch = batch};
        if (envelope->recipients[i].notify & NOTIFY_SUCCESS)
            message->success_reports = true;
    }
    envelope->recipients = NULL;
    envelope->n = 0;
    message->recipients += batch->n;
    message->manager->recipients += batch->n;
    message->read_ms = loop_now_ms(message->manager->loop);
    return batch;
}

void message_take_recipients(struct message *message, struct arena *arena)
{
    struct batch *batch = batch_new(message, arena);
    size_t asked = count_asked(message, batch);

    message->redirected = true;
    message->unresolved_batches++;
    batch->unresolved = asked + 1; /* one more, until all are asked */
    for (size_t i = 0; i < asked; i++)
        find_route(&batch->targets[i]);
    resolver_send(message->manager->resolver);
    if (--batch->unresolved == 0)
        assign_batch(batch);
}

/* Recipients are left in the file: the next batch. */
static void read_more(struct message *message, size_t n)
{
    struct arena *arena = arena_new("batch");
    struct fail why;
    int fd = message_file(message, &why);

    if (fd >= 0 && envelope_read_more(fd, n, arena, &message->envelope, &why) == 0) {
        message_take_recipients(message, arena);
        return;
    }
    arena_free(arena);
    log_warning("%s: read more recipients: %s", message->id, why.text);
    message->envelope.next = 0;
    if (why.code == ENOENT)
        message->lost = true;
    message->deferred++; /* as many as are left */
    message->unlogged++;
    if (message->recipients == 0)
        finish_message(message);
}

void message_settle(struct batch *batch, struct settlement settlement)
{
    struct message *message = batch->message;
    size_t more;

    batch->left -= settlement.n;
    message->recipients -= settlement.n;
    message->manager->recipients -= settlement.n;
    message->deferred += settlement.deferred;
    message->unlogged += settlement.unlogged;
    if (batch->left == 0 && batch->arena != message->arena)
        arena_free(batch->arena);
    more = wanted(message);
    if (more > 0)
        read_more(message, more);
    else if (message->recipients == 0 && message->unresolved_batches == 0)
        finish_message(message);
    else
        message_rest(message);
}

/* --- the end ------------------------------------------------------------------- */

void message_free(struct message *message)
{
    struct manager *manager = message->manager;

    close_file(message);
    if (message_is_probe(message))
        manager->probes--;
    map_remove(manager->messages, str_of(message->id));
    arena_free(message->arena);
    manager_freed(manager);
}

bool message_is_last_try(const struct message *message, time_t now)
{
    const struct conf *conf = message->manager->conf;
    int lifetime = *message->envelope.sender ? conf->maximal_queue_lifetime
                                             : conf->bounce_queue_lifetime;

    return now >= message->envelope.created + lifetime;
}

long message_size(const struct message *message)
{
    const struct size_record *size = &message->envelope.size;

    return size->content_length > 0 ? size->content_length : size->content_bytes;
}

void message_corrupt(struct manager *manager, const char *id)
{
    struct fail why;

    log_warning("saving corrupt file \"%s\" from queue \"%s\" to queue \"%s\"", id,
                QUEUE_ACTIVE, QUEUE_CORRUPT);
    if (spool_move(&manager->spool, id, QUEUE_ACTIVE, QUEUE_CORRUPT, &why) < 0)
        manager_strand(manager, id, &why);
}

void message_log(const struct message *message, const struct recipient *recipient,
                 const char *status, enum outcome_result result, const char *text)
{
    struct timeval now = manager_now(message->manager);

    maillog_delivery(message->manager->log_style,
                     &(struct maillog_delivery){
                         .queue_id = message->id,
                         .recipient = recipient->address,
                         .orig_to = recipient->original,
                         .relay = "none",
                         .times = {.arrival = message->envelope.arrival,
                                   .active = message->active,
                                   .agent = now,
                                   .done = now},
                         .status = status,
                         .verdict = maillog_verdict(result),
                         .text = text,
                     });
}
