/*
 * Client side of a connection to one of our services, for programs that run on
 * the loop and never wait: requests go out as far as the socket takes them,
 * answers come as events.
 *
 * What ipc/client.h says about servers that close a kept connection holds here,
 * too: `unread` in channel_owner.gone tells that the server did not read what
 * was sent last, so that it may be sent again over another channel.
 */
#ifndef IPC_CHANNEL_H
#define IPC_CHANNEL_H

#include "ipc/message.h"
#include "util/loop.h"

struct channel;

/* Any of these may close the channel, except gone. */
struct channel_owner {
    /* The server took the connection and announced itself. May be NULL. */
    void (*ready)(void *context);
    /* One whole message; decode it with ipc_decode before returning. */
    void (*message)(void *context, struct str bytes);
    /* The connection ended; the channel is no more. reason: words for a log line. */
    void (*gone)(void *context, bool unread, const char *reason);
};

/*
 * Connect to a UNIX socket. NULL with *why when that fails at once (why->code:
 * ENOENT, ECONNREFUSED = nobody listens; EAGAIN = too many wait already). The
 * server may take any time to accept. protocol: as for ipc_client_new; NULL = any
 * (delivery agents are named by the administrator).
 */
struct channel *channel_open(struct loop *loop, const char *path, const char *protocol,
                             const struct channel_owner *owner, void *context,
                             struct fail *why);
void channel_close(struct channel *channel); /* NULL is fine; gone is not called */

/*
 * Give the descriptor back, non-blocking, and free the rest: what follows on it is no
 * message. Nothing may be waiting to go out. Called from the message callback, what came
 * after that message is appended to rest.
 */
int channel_detach(struct channel *channel, struct buf *rest);

/* Where to append requests (ipc_add_request); they go out with channel_send, also
 * before the channel is ready. */
struct buf *channel_output(struct channel *channel);
/* Send what was appended; fd >= 0 travels with its first byte and stays the caller's.
 * Failures show as gone, later. */
void channel_send(struct channel *channel, int fd);

#endif
