/*
 * A transport's life: its parameters, who is served next, and what follows when
 * its service does not work.
 */
#include "qmgr/transport.h"

#include "util/log.h"
#include "util/memory.h"

#include <errno.h>

/* --- parameters ---------------------------------------------------------------- */

/* A bad value is the administrator's to mend, not a reason to keep mail: the log says it,
 * and the service does with the least that works. */
static int number(const struct transport *transport, const char *suffix, int fallback)
{
    struct fail why;
    int value;

    if (conf_service_int(transport->manager->conf, transport->name, suffix, &value,
                         &why) == 0)
        return value;
    log_warning("transport %s: %s; using %d", transport->name, why.text, fallback);
    return fallback;
}

static struct feedback feedback(const struct transport *transport, const char *suffix)
{
    struct feedback value = {.numerator = 1};
    const char *text;
    struct fail why;

    if (conf_service_text(transport->manager->conf, transport->name, suffix, &text,
                          &why) < 0 ||
        feedback_parse(text, &value, &why) < 0)
        log_warning("transport %s: %s; using 1", transport->name, why.text);
    return value;
}

static void read_parameters(struct transport *transport)
{
    const struct conf *conf = transport->manager->conf;
    struct window_rules *rules = &transport->rules;

    transport->recipient_limit = number(transport, "destination_recipient_limit",
                                        conf->default_destination_recipient_limit);
    transport->turns = (struct lineup_rules){
        .cost = number(transport, "delivery_slot_cost", conf->default_delivery_slot_cost),
        .loan = number(transport, "delivery_slot_loan", conf->default_delivery_slot_loan),
        .discount = number(transport, "delivery_slot_discount",
                           conf->default_delivery_slot_discount),
        .least = number(transport, "minimum_delivery_slots",
                        conf->default_minimum_delivery_slots),
    };
    transport->refill = (struct refill_rules){
        .limit =
            (size_t)number(transport, "recipient_limit", conf->default_recipient_limit),
        .extra = (size_t)number(transport, "extra_recipient_limit",
                                conf->default_extra_recipient_limit),
        .least = (size_t)number(transport, "recipient_refill_limit",
                                conf->default_recipient_refill_limit),
        .delay = number(transport, "recipient_refill_delay",
                        conf->default_recipient_refill_delay),
    };
    transport->destination_pause = number(transport, "destination_rate_delay", 0);
    transport->pause = number(transport, "transport_rate_delay", 0);
    rules->limit = number(transport, "destination_concurrency_limit",
                          conf->default_destination_concurrency_limit);
    if (transport->destination_pause > 0)
        rules->limit = 1;
    rules->initial = number(transport, "initial_destination_concurrency",
                            conf->initial_destination_concurrency);
    rules->cohort_limit =
        number(transport, "destination_concurrency_failed_cohort_limit",
               conf->default_destination_concurrency_failed_cohort_limit);
    rules->positive = feedback(transport, "destination_concurrency_positive_feedback");
    rules->negative = feedback(transport, "destination_concurrency_negative_feedback");
}

/* --- coming and going ---------------------------------------------------------- */

struct transport *transport_get(struct manager *manager, const char *name)
{
    struct transport *transport = map_get(manager->transports, str_of(name));
    struct arena *arena;

    if (transport)
        return transport;
    arena = arena_new("transport");
    transport = ARENA_NEW(arena, struct transport);
    transport->manager = manager;
    transport->arena = arena;
    transport->name = arena_copy(arena, name);
    transport->destinations = map_new();
    read_parameters(transport);
    map_set(manager->transports, str_of(name), transport);
    return transport;
}

static void free_destination(void *context, struct str key, void *value)
{
    (void)context, (void)key;
    destination_free(value);
}

void transport_free(void *context)
{
    struct transport *transport = context;

    agents_close(transport);
    map_each(transport->destinations, free_destination, NULL);
    map_free(transport->destinations, NULL);
    loop_cancel(transport->manager->loop, transport->timer);
    lineup_done(&transport->jobs);
    trouble_clear(&transport->dead);
    arena_free(transport->arena);
}

void trouble_clear(struct trouble *trouble)
{
    free(trouble->status);
    free(trouble->reason);
    *trouble = (struct trouble){0};
}

static char *copy(const char *text)
{
    char *p = strdup(text);

    if (!p)
        fatal("out of memory: \"%s\"", text);
    return p;
}

void trouble_set(struct trouble *trouble, const char *status, const char *reason)
{
    trouble_clear(trouble);
    *trouble = (struct trouble){.status = copy(status), .reason = copy(reason)};
}

/* --- pauses -------------------------------------------------------------------- */

static void pause_over(void *context)
{
    struct transport *transport = context;

    transport->timer = NULL;
    transport->paused = false;
    transport_run(transport);
}

static void begin_pause(struct transport *transport)
{
    if (transport->pause <= 0 || transport->timer)
        return;
    transport->paused = true;
    transport->timer = loop_timer(transport->manager->loop, transport->pause * 1000L,
                                  pause_over, transport);
}

static void evict_destination(void *context, struct str key, void *value)
{
    struct transport *transport = context;
    struct destination *destination = value;

    (void)key;
    while (destination->peers)
        peer_evict(destination->peers, &transport->dead, "");
    destination_release(destination);
}

static void retry_time(void *context)
{
    struct transport *transport = context;

    transport->timer = NULL;
    transport_unthrottle(transport);
}

void transport_throttle(struct transport *transport, const char *status,
                        const char *reason)
{
    struct manager *manager = transport->manager;

    if (trouble_is(&transport->dead))
        return;
    trouble_set(&transport->dead, status, reason);
    loop_cancel(manager->loop, transport->timer);
    transport->paused = false;
    transport->timer =
        loop_timer(manager->loop, manager->conf->transport_retry_time * 1000L, retry_time,
                   transport);
    map_each(transport->destinations, evict_destination, transport);
}

void transport_unthrottle(struct transport *transport)
{
    if (!trouble_is(&transport->dead))
        return;
    trouble_clear(&transport->dead);
    loop_cancel(transport->manager->loop, transport->timer);
    transport->timer = NULL;
    transport_run(transport);
}

/* --- deliveries ---------------------------------------------------------------- */

/* The peer to be served next, with room at its destination; NULL = nobody waits. */
static struct peer *next_peer(struct transport *transport)
{
    struct job *job;

    while ((job = lineup_next(&transport->jobs, &transport->turns))) {
        if (destination_room(job->awake->destination) > 0)
            return job->awake;
        peer_sleep(job->awake);
    }
    return NULL;
}

/*
 * Settling recipients can do anything, such as reading more of them and queueing
 * them for the same destination: it is kept until the end by being busy.
 */
static void settle(struct entry *entry, const struct delivered *answer)
{
    struct destination *destination = entry->peer->destination;

    destination->transport->recipients -= entry->n;
    message_settle(entry->peer->batch,
                   (struct settlement){.n = entry->n,
                                       .deferred = (size_t)answer->deferred,
                                       .unlogged = (size_t)answer->unlogged});
    destination->busy--;
    destination_wake(destination);
    destination_release(destination);
}

/* All its recipients are to be done later, and no log knows of it. */
static struct delivered all_later(const struct entry *entry)
{
    return (struct delivered){.deferred = (long long)entry->n,
                              .unlogged = (long long)entry->n};
}

/* The queue file cannot be opened again. */
static void cannot_send(struct entry *entry, const struct fail *why)
{
    struct delivered answer = all_later(entry);
    struct message *message = entry->peer->batch->message;

    if (why->code == ENOENT)
        message->lost = true; /* removed by postsuper, which has logged it */
    else
        log_warning("%s: %s", message->id, why->text);
    settle(entry, &answer);
}

void transport_run(struct transport *transport)
{
    struct peer *peer;

    while (!transport->manager->retiring && !transport->paused &&
           !trouble_is(&transport->dead) && (peer = next_peer(transport))) {
        struct agent *agent = agent_idle(transport);
        struct entry *entry;
        struct fail why;

        if (!agent) {
            agent_call(transport);
            return;
        }
        lineup_turn(&transport->jobs, &transport->turns);
        entry = peer_take(peer);
        if (agent_deliver(agent, entry, &why))
            begin_pause(transport);
        else
            cannot_send(entry, &why);
    }
}

void entry_done(struct entry *entry, const struct delivered *answer)
{
    struct destination *destination = entry->peer->destination;
    struct transport *transport = destination->transport;

    destination_feedback(destination, answer->status, answer->reason);
    settle(entry, answer);
    transport_run(transport);
}

void entry_return(struct entry *entry)
{
    struct destination *destination = entry->peer->destination;

    peer_return(entry->peer, entry);
    destination->busy--;
    destination_wake(destination);
    transport_run(destination->transport);
}

void entry_lost(struct entry *entry)
{
    struct delivered answer = all_later(entry);

    transport_throttle(entry->peer->destination->transport, "4.3.0",
                       "unknown mail transport error");
    settle(entry, &answer);
}
