/*
 * What waits, and for whom: entries made from the recipients of a batch, and the
 * moves of a peer between sleeping, waking and leaving. Every count that
 * choosing relies on is kept here and nowhere else.
 */
#include "qmgr/assign.h"
#include "qmgr/transport.h"

/* --- the job's ring of peers that are awake ------------------------------------ */

static void ring_add(struct job *job, struct peer *peer)
{
    if (!job->awake) {
        peer->next = peer->previous = peer;
        job->awake = peer;
        return;
    }
    peer->next = job->awake; /* the end of the ring is before its start */
    peer->previous = job->awake->previous;
    peer->previous->next = peer->next->previous = peer;
}

static void ring_remove(struct job *job, struct peer *peer)
{
    if (job->awake == peer)
        job->awake = peer->next == peer ? NULL : peer->next;
    peer->previous->next = peer->next;
    peer->next->previous = peer->previous;
    peer->next = peer->previous = NULL;
}

/* --- sleeping and waking ------------------------------------------------------- */

void peer_wake(struct peer *peer)
{
    struct job *job = peer->job;

    lineup_remove(&peer->destination->asleep, &peer->asleep);
    peer->destination->awake++;
    ring_add(job, peer);
    if (!lineup_has(&job->place))
        lineup_add(&job->transport->jobs, &job->place);
}

/* Take it out of the choice. */
static void stop_waking(struct peer *peer)
{
    struct job *job = peer->job;

    ring_remove(job, peer);
    peer->destination->awake--;
    if (!job->awake)
        lineup_remove(&job->transport->jobs, &job->place);
}

void peer_sleep(struct peer *peer)
{
    stop_waking(peer);
    peer->asleep.key[LINEUP_SIZE] = peer->waiting;
    lineup_add(&peer->destination->asleep, &peer->asleep);
}

/* --- joining and leaving a destination ----------------------------------------- */

static void join(struct peer *peer)
{
    struct destination *destination = peer->destination;

    peer->sibling = destination->peers;
    if (peer->sibling)
        peer->sibling->from = &peer->sibling;
    peer->from = &destination->peers;
    destination->peers = peer;
    peer->asleep.key[LINEUP_SIZE] = peer->waiting;
    lineup_add(&destination->asleep, &peer->asleep);
}

static void leave(struct peer *peer)
{
    if (peer->next)
        stop_waking(peer);
    lineup_remove(&peer->destination->asleep, &peer->asleep);
    *peer->from = peer->sibling;
    if (peer->sibling)
        peer->sibling->from = peer->from;
    peer->from = NULL;
}

/* Entries of a peer began (n > 0) or ceased to wait. */
static void count(struct peer *peer, long n)
{
    struct job *job = peer->job;

    peer->waiting = (size_t)((long)peer->waiting + n);
    peer->destination->waiting = (size_t)((long)peer->destination->waiting + n);
    job->waiting = (size_t)((long)job->waiting + n);
    lineup_resize(&job->transport->jobs, &job->place, job->waiting);
    lineup_resize(&peer->destination->asleep, &peer->asleep, peer->waiting);
}

/* --- entries ------------------------------------------------------------------- */

static struct job *job_get(struct message *message, struct transport *transport)
{
    struct job *job = message->jobs;

    while (job && job->transport != transport)
        job = job->next;
    if (job)
        return job;
    job = ARENA_NEW(message->arena, struct job);
    *job = (struct job){.next = message->jobs,
                        .message = message,
                        .transport = transport,
                        .place = {.key = {message->number}, .owner = job}};
    message->jobs = job;
    return job;
}

/* Cut the targets into entries of at most the transport's limit. */
static void make_entries(struct peer *peer, struct target **targets, size_t n)
{
    size_t limit = (size_t)peer->destination->transport->recipient_limit;
    struct entry **end = &peer->entries;

    if (limit == 0)
        limit = n;
    for (size_t at = 0; at < n; at += limit) {
        struct entry *entry = ARENA_NEW(peer->batch->arena, struct entry);

        *entry = (struct entry){
            .peer = peer, .targets = targets + at, .n = n - at < limit ? n - at : limit};
        *end = entry;
        end = &entry->next;
        count(peer, 1);
    }
}

void peer_add(struct batch *batch, struct destination *destination,
              struct target **targets, size_t n)
{
    struct peer *peer = ARENA_NEW(batch->arena, struct peer);

    *peer = (struct peer){
        .job = job_get(batch->message, destination->transport),
        .destination = destination,
        .batch = batch,
        .asleep = {.key = {batch->message->number}, .owner = peer},
    };
    make_entries(peer, targets, n);
    destination->transport->recipients += n;
    join(peer);
    destination_wake(destination);
}

struct entry *peer_take(struct peer *peer)
{
    struct entry *entry = peer->entries;

    peer->entries = entry->next;
    entry->next = NULL;
    peer->destination->busy++;
    peer->job->awake = peer->next; /* the others of this message come first now */
    count(peer, -1);
    if (peer->waiting == 0)
        leave(peer);
    return entry;
}

void peer_return(struct peer *peer, struct entry *entry)
{
    entry->next = peer->entries;
    peer->entries = entry;
    if (peer->waiting == 0)
        join(peer);
    count(peer, 1);
}

void peer_evict(struct peer *peer, const struct trouble *trouble, const char *prefix)
{
    struct batch *batch = peer->batch;
    struct target **targets;
    size_t n = 0;

    for (struct entry *entry = peer->entries; entry; entry = entry->next)
        n += entry->n;
    targets = arena_array(batch->arena, n, sizeof(struct target *));
    n = 0;
    for (struct entry *entry = peer->entries; entry; entry = entry->next) {
        memcpy(targets + n, entry->targets, entry->n * sizeof(struct target *));
        n += entry->n;
    }
    leave(peer);
    count(peer, -(long)peer->waiting);
    peer->entries = NULL;
    peer->destination->transport->recipients -= n;
    assign_to_retry(batch, targets, n, trouble->status,
                    arena_printf(batch->arena, "%s%s", prefix, trouble->reason));
}
