/*
 * One next hop of a transport: how many deliveries run there at once, and
 * when it is left alone for a while.
 */
#include "qmgr/transport.h"

#include "ipc/message.h"
#include "mail/address.h"
#include "mail/extension.h"
#include "util/log.h"
#include "util/memory.h"

#include <ctype.h>
#include <limits.h>

/*
 * The name under which mail for a next hop waits together. With one recipient
 * a delivery the limits are meant for each recipient, whatever its extension.
 */
static void make_key(const struct transport *transport, const char *nexthop,
                     const char *address, struct buf *key)
{
    if (transport->recipient_limit == 1) {
        const struct conf *conf = transport->manager->conf;
        struct str local = address_split(str_of(address)).local;

        buf_add_str(key, extension_split(local, conf->recipient_delimiter,
                                         conf->double_bounce_sender)
                             .user);
        buf_add_char(key, '@');
    }
    buf_add_text(key, nexthop);
    for (size_t i = 0; i < key->n; i++)
        key->p[i] = (char)tolower((unsigned char)key->p[i]);
}

static struct destination *destination_new(struct transport *transport, struct str key,
                                           const char *nexthop)
{
    size_t n = strlen(nexthop) + 1;
    struct destination *destination =
        memory_new(1, sizeof(*destination) + key.n + 1 + n, "destination");
    char *texts = (char *)(destination + 1);

    destination->transport = transport;
    destination->name = memcpy(texts, key.p, key.n);
    destination->nexthop = memcpy(texts + key.n + 1, nexthop, n);
    destination->window = window_new(&transport->rules, 0);
    map_set(transport->destinations, key, destination);
    return destination;
}

struct destination *destination_get(struct transport *transport, const char *nexthop,
                                    const char *address)
{
    struct destination *destination;
    struct buf key;

    buf_init(&key, 2 * IPC_VALUE_MAX + 2);
    make_key(transport, nexthop, address, &key);
    destination = map_get(transport->destinations, buf_str(&key));
    if (!destination)
        destination = destination_new(transport, buf_str(&key), nexthop);
    buf_done(&key);
    return destination;
}

void destination_free(struct destination *destination)
{
    struct transport *transport = destination->transport;

    map_remove(transport->destinations, str_of(destination->name));
    if (trouble_is(&destination->dead))
        transport->manager->dead--;
    loop_cancel(transport->manager->loop, destination->timer);
    trouble_clear(&destination->dead);
    lineup_done(&destination->asleep);
    free(destination);
}

void destination_release(struct destination *destination)
{
    if (destination->busy == 0 && !destination->peers &&
        !trouble_is(&destination->dead) && !destination->timer)
        destination_free(destination);
}

size_t destination_room(const struct destination *destination)
{
    if (destination->paused || trouble_is(&destination->dead))
        return 0;
    if (destination->transport->rules.limit == 0)
        return INT_MAX;
    return destination->window.size > destination->busy
               ? (size_t)(destination->window.size - destination->busy)
               : 0;
}

void destination_wake(struct destination *destination)
{
    const struct lineup_rules *turns = &destination->transport->turns;
    struct peer *peer;

    while (destination->awake < destination_room(destination) &&
           (peer = lineup_next(&destination->asleep, turns))) {
        lineup_turn(&destination->asleep, turns);
        peer_wake(peer);
    }
}

/* --- pauses and trouble -------------------------------------------------------- */

static void pause_over(void *context)
{
    struct destination *destination = context;
    struct transport *transport = destination->transport;

    destination->timer = NULL;
    destination->paused = false;
    destination_wake(destination);
    destination_release(destination);
    transport_run(transport);
}

static void begin_pause(struct destination *destination)
{
    struct transport *transport = destination->transport;

    if (transport->destination_pause <= 0 || destination->timer)
        return;
    destination->paused = true;
    destination->timer =
        loop_timer(transport->manager->loop, transport->destination_pause * 1000L,
                   pause_over, destination);
}

static void show_window(const struct destination *destination, const char *why)
{
    const struct window *window = &destination->window;

    log_info("feedback: transport %s destination %s: %s: %d of %d busy, success %.3f, "
             "failure %.3f, failed cohorts %.3f",
             destination->transport->name, destination->name, why, destination->busy,
             window->size, window->success, window->failure, window->failed_cohorts);
}

void destination_feedback(struct destination *destination, const char *trouble_status,
                          const char *trouble_reason)
{
    const struct window_rules *rules = &destination->transport->rules;

    if (*trouble_reason == '\0')
        window_success(&destination->window, rules, destination->busy);
    else if (!trouble_is(&destination->dead) &&
             window_failure(&destination->window, rules))
        destination_throttle(destination, trouble_status, trouble_reason);
    if (destination->transport->manager->conf->destination_concurrency_feedback_debug)
        show_window(destination, *trouble_reason ? trouble_reason : "success");
    begin_pause(destination);
}

static void dead_long_enough(void *context)
{
    struct destination *destination = context;

    destination->timer = NULL;
    destination_unthrottle(destination);
}

/* It is as new, and stays until it is released. */
static void revive(struct destination *destination)
{
    struct transport *transport = destination->transport;

    trouble_clear(&destination->dead);
    transport->manager->dead--;
    loop_cancel(transport->manager->loop, destination->timer);
    destination->timer = NULL;
    destination->window = window_new(&transport->rules, destination->busy);
}

void destination_throttle(struct destination *destination, const char *status,
                          const char *reason)
{
    struct manager *manager = destination->transport->manager;

    if (!trouble_is(&destination->dead))
        manager->dead++;
    trouble_set(&destination->dead, status, reason);
    loop_cancel(manager->loop, destination->timer);
    destination->paused = false;
    destination->timer =
        loop_timer(manager->loop, manager->conf->minimal_backoff_time * 1000L,
                   dead_long_enough, destination);
    while (destination->peers)
        peer_evict(destination->peers, &destination->dead,
                   "delivery temporarily suspended: ");
    if (manager->dead > (size_t)manager->conf->qmgr_message_recipient_limit)
        revive(destination);
}

void destination_unthrottle(struct destination *destination)
{
    if (trouble_is(&destination->dead)) {
        revive(destination);
        destination_wake(destination);
    }
    destination_release(destination);
}
