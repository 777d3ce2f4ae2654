/*
 * When the active queue is full, all other mail waits: says which destination
 * fills it, so that the administrator can give it a transport of its own.
 */
#include "qmgr/clog.h"

#include "qmgr/transport.h"
#include "util/log.h"

static void compare(void *context, struct str key, void *value)
{
    const struct destination **worst = context;
    const struct destination *destination = value;

    (void)key;
    if (!*worst || destination->waiting > (*worst)->waiting)
        *worst = destination;
}

static void look_into(void *context, struct str key, void *value)
{
    const struct transport *transport = value;

    (void)key;
    map_each(transport->destinations, compare, context);
}

void clog_warn(struct manager *manager)
{
    const struct destination *worst = NULL;
    const int limit = manager->conf->qmgr_message_active_limit;
    int64_t now = loop_now_ms(manager->loop);

    if (manager->conf->qmgr_clog_warn_time <= 0 || now < manager->clog_quiet_until_ms)
        return;
    manager->clog_quiet_until_ms = now + manager->conf->qmgr_clog_warn_time * 1000L;
    map_each(manager->transports, look_into, &worst);
    if (!worst || worst->waiting <= (size_t)limit / 2)
        return;
    log_warning("mail for %s is using up %zu of %d active queue entries", worst->nexthop,
                worst->waiting, limit);
    log_warning(
        "other mail waits meanwhile: consider a transport of its own for %s, with "
        "more delivery processes",
        worst->nexthop);
}
