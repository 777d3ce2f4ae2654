/*
 * A key gives out tickets for as long as a session can be resumed, and takes them for as
 * long again: so each ticket lives its whole time, there are two keys at most, and what
 * one who steals them can read is bounded. They are nowhere but in memory.
 */
#include "tlsmgr/tlsmgr.h"

#include "tls/manager.h"

struct tickets {
    struct pool *pool;
    int64_t seconds;
    struct tls_ticket_key current, former;
    int64_t issue_until; /* of the current one */
};

struct tickets *tickets_new(struct pool *pool, int ticket_seconds, struct arena *arena)
{
    struct tickets *tickets = ARENA_NEW(arena, struct tickets);

    tickets->pool = pool;
    tickets->seconds = ticket_seconds > 0 ? ticket_seconds : 1;
    return tickets;
}

static void rotate(struct tickets *tickets, int64_t now)
{
    struct tls_ticket_key *key = &tickets->current;

    tickets->former = *key;
    pool_take(tickets->pool, key->name, sizeof key->name);
    pool_take(tickets->pool, key->secret, sizeof key->secret);
    pool_take(tickets->pool, key->mac, sizeof key->mac);
    tickets->issue_until = now + tickets->seconds;
    key->expires = tickets->issue_until + tickets->seconds;
}

void tickets_get(struct tickets *tickets, int64_t now, struct arena *arena,
                 struct tls_keys *ret)
{
    /* a clock that was set back must not keep a key for ever */
    if (now >= tickets->issue_until || now < tickets->issue_until - tickets->seconds)
        rotate(tickets, now);
    *ret = (struct tls_keys){.key = tls_ticket_key_text(&tickets->current, arena),
                             .issue_until = tickets->issue_until,
                             .expires = tickets->current.expires,
                             .former = ""};
    if (tickets->former.expires > now) {
        ret->former = tls_ticket_key_text(&tickets->former, arena);
        ret->former_expires = tickets->former.expires;
    }
}
