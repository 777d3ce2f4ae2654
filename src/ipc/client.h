/*
 * Client side of a connection to one of our services, kept between requests.
 *
 * A service may close a kept connection at any time between requests. When
 * that crosses our next request, the request was not read: our send fails with
 * EPIPE, or our read fails with ECONNRESET (a UNIX socket closed with unread
 * input). Then, and only then, ipc_call connects again and repeats. End of
 * input after a request was read means that the server died: an error.
 */
#ifndef IPC_CLIENT_H
#define IPC_CLIENT_H

#include "ipc/message.h"

struct ipc_client;

/*
 * path: of the service's socket, relative to the queue directory
 * ("private/rewrite"); protocol: announced by it ("trivial-rewrite"),
 * or NULL for delivery agents, whose programs are master.cf's affair.
 * Nothing is connected yet. timeout_ms: of each wait ($ipc_timeout).
 */
struct ipc_client *ipc_client_new(const char *path, const char *protocol,
                                  int64_t timeout_ms);
void ipc_client_free(struct ipc_client *client);

/* Do not wait for a server that is not there: somebody waits for us. Others wait ten
 * seconds, and not again until it has been there. */
void ipc_client_is_impatient(struct ipc_client *client);

/* One question and where its answer goes. */
struct ipc_exchange {
    const char *request;               /* name that the server dispatches on */
    const struct ipc_message *message; /* its form ... */
    const void *record;                /* ... and content */
    const struct ipc_message *reply;   /* form of the answer */
    void *ret;                         /* struct of the answer; texts in the arena */
};

/*
 * Send one request, read one reply. Waits for a missing server socket (some
 * tries a second apart), then fails.
 *
 *     ipc_call(rewrite, &(struct ipc_exchange){"resolve", &resolve_message, &question,
 *                                              &resolved_message, &answer}, arena, why)
 */
int ipc_call(struct ipc_client *client, const struct ipc_exchange *exchange,
             struct arena *arena, struct fail *why) MUST_CHECK;

/* For longer exchanges: the connected stream, protocol already checked, or NULL. */
struct stream *ipc_client_stream(struct ipc_client *client, struct fail *why);
/* Close the connection (after an error, or when idle); the next call connects again. */
void ipc_client_close(struct ipc_client *client);
/* Monotonic milliseconds of the last use, for closing after $ipc_idle. */
int64_t ipc_client_last_used(const struct ipc_client *client);

/* Wake a trigger service: connect (or open the FIFO), write bytes, close, without waiting
 * for an answer. */
int ipc_trigger(const char *path, const char *bytes, int64_t timeout_ms,
                struct fail *why) MUST_CHECK;

#endif
