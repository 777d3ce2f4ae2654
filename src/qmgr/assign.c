/*
 * Decides where each recipient goes in the end: where its address is resolved
 * to, unless the message has expired, the transport is put off by the
 * administrator or out of order, or the destination is being left alone. And
 * what the queue manager settles on the spot.
 */
#include "qmgr/assign.h"

#include "ipc/messages.h"
#include "mail/address.h"
#include "qmgr/transport.h"
#include "util/log.h"

#include <stdlib.h>
#include <strings.h>

#define RETRY_SERVICE "retry"
#define DISCARDED     "undeliverable postmaster notification discarded"

/* --- put off ------------------------------------------------------------------- */

/* Even "retry" does not work: the recipients wait without an entry in the defer log. */
static void settle_without_agent(struct batch *batch, struct target **targets, size_t n,
                                 const char *status, const char *reason)
{
    for (size_t i = 0; i < n; i++)
        message_log(batch->message, targets[i]->recipient, status, OUTCOME_DEFERRED,
                    reason);
    message_settle(batch, (struct settlement){n, n, n});
}

void assign_to_retry(struct batch *batch, struct target **targets, size_t n,
                     const char *status, const char *reason)
{
    struct transport *transport = transport_get(batch->message->manager, RETRY_SERVICE);
    struct destination *destination;

    if (trouble_is(&transport->dead)) {
        settle_without_agent(batch, targets, n, status, reason);
        return;
    }
    destination =
        destination_get(transport, arena_printf(batch->arena, "%s %s", status, reason),
                        targets[0]->recipient->address);
    peer_add(batch, destination, targets, n);
    transport_run(transport);
}

/* --- where to ------------------------------------------------------------------ */

/* Send the target elsewhere than its address says. */
static void divert(struct target *target, const char *transport, const char *nexthop)
{
    target->transport = transport;
    target->nexthop = nexthop;
}

static void divert_to_retry(struct target *target, const struct trouble *trouble,
                            const char *prefix)
{
    divert(target, RETRY_SERVICE,
           arena_printf(target->batch->arena, "%s %s%s", trouble->status, prefix,
                        trouble->reason));
}

static bool is_put_off(const struct message *message, const char *transport)
{
    const struct texts *put_off = &message->manager->defer_transports;

    return put_off->n > 0 && !message->flush &&
           texts_has(put_off, str_of(transport), false);
}

static void choose_transport(struct target *target)
{
    struct message *message = target->batch->message;
    struct manager *manager = message->manager;
    struct transport *transport;

    if (message->expire)
        divert(target, RETRY_SERVICE, "4.7.0 message is administratively expired");
    else if (target->recipient->address[0] == '-' && !manager->conf->allow_min_user)
        divert(target, manager->conf->error_service_name, "5.1.3 bad address syntax");
    else if (message_is_probe(message) &&
             manager->probes >
                 (size_t)manager->conf->address_verify_pending_request_limit)
        divert(target, RETRY_SERVICE, "4.3.2 Too many address verification requests");
    else if (is_put_off(message, target->transport))
        divert(target, RETRY_SERVICE, "4.3.2 deferred transport");
    transport = transport_get(manager, target->transport);
    if (message->unthrottle)
        transport_unthrottle(transport);
    if (trouble_is(&transport->dead))
        divert_to_retry(target, &transport->dead, "");
}

static struct destination *find_destination(struct target *target)
{
    return destination_get(
        transport_get(target->batch->message->manager, target->transport),
        target->nexthop, target->recipient->address);
}

static void choose_destination(struct target *target)
{
    struct destination *destination = find_destination(target);

    if (target->batch->message->unthrottle && trouble_is(&destination->dead)) {
        destination_unthrottle(destination);
        destination = find_destination(target);
    }
    if (trouble_is(&destination->dead)) {
        divert_to_retry(target, &destination->dead, "delivery temporarily suspended: ");
        destination = find_destination(target);
    }
    target->destination = destination;
}

/* --- settled here -------------------------------------------------------------- */

/* A report that nobody could be told of has come back to us: there it ends. */
static bool is_double_bounce(const struct target *target)
{
    const struct conf *conf = target->batch->message->manager->conf;

    return target->flags & RESOLVE_LOCAL &&
           str_is_nocase(address_split(str_of(target->recipient->address)).local,
                         conf->double_bounce_sender);
}

static void discard(const struct target *target)
{
    struct message *message = target->batch->message;
    struct fail why;
    int fd = message_file(message, &why);

    message_log(message, target->recipient, "2.0.0", OUTCOME_DELIVERED, DISCARDED);
    if (fd < 0 || envelope_mark_done(fd, target->recipient->offset, &why) < 0)
        log_warning("%s: mark as done: %s", message->id, why.text);
}

/* --- the batch ----------------------------------------------------------------- */

static int compare_domains(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? strncasecmp(a.p, b.p, n) : 0;

    return order ? order : (a.n > b.n) - (a.n < b.n);
}

/*
 * compat: recipients reach an agent, and so a command's arguments, a server and a
 * report, by domain without case and then by address with it; so do the deliveries
 * of a message start. Equal addresses keep the order of the queue file.
 */
static int by_destination(const void *a, const void *b)
{
    const struct target *x = *(struct target *const *)a;
    const struct target *y = *(struct target *const *)b;
    struct str one = str_of(x->recipient->address), other = str_of(y->recipient->address);
    int order = 0;

    if (x->destination != y->destination)
        order = strcmp(x->destination->name, y->destination->name);
    if (order == 0 && x->destination != y->destination) /* of two transports */
        return x->destination < y->destination ? -1 : 1;
    if (order == 0)
        order = compare_domains(address_split(one).domain, address_split(other).domain);
    if (order == 0)
        order = str_compare(one, other);
    return order ? order : (x > y) - (x < y);
}

/* Those that go somewhere, sorted by destination; their number. */
static size_t choose(struct batch *batch, struct target **targets)
{
    size_t n = 0;

    for (size_t i = 0; i < batch->n; i++) {
        struct target *target = &batch->targets[i];

        if (!target->transport)
            continue; /* replaced by the message's redirection */
        if (is_double_bounce(target) && !message_is_probe(batch->message)) {
            discard(target);
            continue;
        }
        if (is_double_bounce(target)) /* who asks hears of what would become of it */
            divert(target, "discard", DISCARDED);
        choose_transport(target);
        choose_destination(target);
        targets[n++] = target;
    }
    qsort(targets, n, sizeof(struct target *), by_destination);
    return n;
}

static void queue_all(struct batch *batch, struct target **targets, size_t n)
{
    for (size_t from = 0, to; from < n; from = to) {
        to = from + 1;
        while (to < n && targets[to]->destination == targets[from]->destination)
            to++;
        peer_add(batch, targets[from]->destination, targets + from, to - from);
    }
}

void assign_batch(struct batch *batch)
{
    struct message *message = batch->message;
    struct target **targets =
        arena_array(batch->arena, batch->n, sizeof(struct target *));
    size_t n = choose(batch, targets), settled = batch->n - n;

    message->unresolved_batches--;
    /* One recipient that does not exist keeps the message here until all is run. */
    batch->left++;
    message->recipients++;
    message->manager->recipients++;
    queue_all(batch, targets, n);
    for (struct job *job = message->jobs; job; job = job->next)
        transport_run(job->transport);
    message_settle(batch, (struct settlement){.n = settled + 1});
}
