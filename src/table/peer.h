/*
 * A connection to a server that answers lookups in a protocol of one question and
 * one answer: tcp, socketmap, memcache. Tables of one process that name the same
 * server share the connection, because a server that serves one client at a time
 * would never come to the second one.
 */
#ifndef TABLE_PEER_H
#define TABLE_PEER_H

#include "table/table.h"
#include "util/stream.h"

struct peer;

/* The answers come unproven over a connection: nothing for programs that do with root's
 * rights what tables say (TABLE_DIRECT). */
int peer_check(const struct table *table, struct fail *why) MUST_CHECK;

/*
 * endpoint: "inet:host:port" or "unix:path" or "host:port"; kept as it is, and taken
 * apart at the first connection. timeout_ms: for connecting, and for one question with
 * its answer. The peer lives as long as arena, but for the connection (peer_close).
 */
struct peer *peer_new(const char *endpoint, int64_t timeout_ms, struct arena *arena);
void peer_close(struct peer *peer);

/* One question and its answer; -1 with why when the connection is of no more use. */
typedef int peer_exchange(struct stream *stream, void *context, struct fail *why);

/*
 * Call exchange with a connected stream. When it fails on a connection that was kept
 * from an earlier question, which the server may have closed meanwhile, once more with
 * a new one: questions change nothing. -1 = no answer; why names the server.
 */
int peer_ask(struct peer *peer, peer_exchange *exchange, void *context,
             struct fail *why) MUST_CHECK;

/* Words for what a stream met: "timeout", "lost connection". */
int peer_failed(struct stream *stream, enum stream_result result, struct fail *why);

#endif
