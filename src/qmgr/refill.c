/*
 * A new message is measured against the limit for all; what is read of it later,
 * against the limits of the transports that its recipients went to. A message with
 * nothing left in memory always gets some, so that nobody waits for others to end.
 */
#include "qmgr/refill.h"

#include "qmgr/transport.h"

#include <limits.h>

enum {
    BATCH_MAX = 5000
}; /* read at once: so many questions go to trivial-rewrite together */

static size_t room_of(size_t limit, size_t used)
{
    return limit > used ? limit - used : 0;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What is granted however full memory is. */
static size_t minimum(const struct manager *manager)
{
    int n = manager->conf->qmgr_message_recipient_minimum;

    return n > 0 ? (size_t)n : 1;
}

size_t refill_first(const struct manager *manager)
{
    const size_t limit = (size_t)manager->conf->qmgr_message_recipient_limit;
    const size_t room = smaller(room_of(limit, manager->recipients), BATCH_MAX);

    return room > minimum(manager) ? room : minimum(manager);
}

/* What a transport grants a message that has so many recipients in memory. */
static size_t granted(const struct transport *transport, size_t held)
{
    const struct refill_rules *rules = &transport->refill;
    const size_t room = room_of(rules->limit, transport->recipients);
    const size_t all = room_of(rules->limit + rules->extra, transport->recipients);
    const size_t own = smaller(all, room_of(rules->extra, held));

    return room > own ? room : own;
}

/* The least of what the transports of the message say. */
static struct refill_rules rules_of(const struct message *message)
{
    struct refill_rules all = {.limit = SIZE_MAX, .least = SIZE_MAX, .delay = INT_MAX};

    for (const struct job *job = message->jobs; job; job = job->next) {
        const struct refill_rules *rules = &job->transport->refill;

        all.limit = smaller(all.limit, granted(job->transport, message->recipients));
        all.least = smaller(all.least, rules->least);
        if (rules->delay < all.delay)
            all.delay = rules->delay;
    }
    return all;
}

static bool is_time(const struct message *message, int delay)
{
    return loop_now_ms(message->manager->loop) - message->read_ms >= delay * 1000L;
}

size_t refill_more(const struct message *message)
{
    const struct manager *manager = message->manager;
    struct refill_rules rules;

    if (!message->jobs)
        return message->recipients > 0 ? 0 : refill_first(manager);
    rules = rules_of(message);
    if (message->recipients == 0 && rules.limit < minimum(manager))
        return minimum(manager);
    if (message->recipients > 0 && rules.limit < rules.least &&
        !is_time(message, rules.delay))
        return 0;
    return smaller(rules.limit, BATCH_MAX);
}
