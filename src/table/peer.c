/*
 * Connecting at the first question; closing what was idle for long or is old, so that
 * a server that was restarted elsewhere, and a name that has a new address, are found.
 */
#include "table/peer.h"

#include "net/endpoint.h"
#include "table/type.h"
#include "util/clock.h"

#include <errno.h>

enum { IDLE_MAX_MS = 10 * 1000, AGE_MAX_MS = 100 * 1000, BUFFER = 4096 };

struct peer {
    const char *endpoint;
    int64_t timeout_ms;
    struct stream *stream; /* NULL = not connected */
    int64_t opened_ms, used_ms;
};

int peer_check(const struct table *table, struct fail *why)
{
    if (!(table->flags & TABLE_DIRECT))
        return 0;
    return fail_set(why, "%s map is not allowed for security-sensitive data",
                    table->name);
}

struct peer *peer_new(const char *endpoint, int64_t timeout_ms, struct arena *arena)
{
    struct peer *peer = ARENA_NEW(arena, struct peer);

    peer->endpoint = arena_copy(arena, endpoint);
    peer->timeout_ms = timeout_ms;
    return peer;
}

void peer_close(struct peer *peer)
{
    stream_free(peer->stream);
    peer->stream = NULL;
}

static int connect_peer(struct peer *peer, struct fail *why)
{
    int fd = endpoint_connect(peer->endpoint, peer->timeout_ms, why);

    if (fd < 0)
        return -1;
    peer->stream = stream_new(fd, BUFFER);
    peer->opened_ms = clock_ms(&clock_system);
    return 0;
}

/* One try; the connection is closed when it fails. */
static int attempt(struct peer *peer, peer_exchange *exchange, void *context,
                   struct fail *why)
{
    int64_t until = clock_ms(&clock_system) + peer->timeout_ms;

    if (!peer->stream && connect_peer(peer, why) < 0)
        return fail_prefix(why, "connect to %s", peer->endpoint);
    stream_set_deadline(peer->stream, until);
    if (exchange(peer->stream, context, why) == 0) {
        peer->used_ms = clock_ms(&clock_system);
        return 0;
    }
    peer_close(peer);
    return fail_prefix(why, "%s", peer->endpoint);
}

int peer_ask(struct peer *peer, peer_exchange *exchange, void *context, struct fail *why)
{
    int64_t now = clock_ms(&clock_system);

    if (peer->stream &&
        (now - peer->used_ms >= IDLE_MAX_MS || now - peer->opened_ms >= AGE_MAX_MS))
        peer_close(peer);
    if (peer->stream && attempt(peer, exchange, context, why) == 0)
        return 0;
    return attempt(peer, exchange, context, why);
}

int peer_failed(struct stream *stream, enum stream_result result, struct fail *why)
{
    errno = stream_errno(stream);
    return result == STREAM_ERROR ? fail_set(why, "%m")
                                  : fail_set(why, "%s", stream_result_text(result));
}
