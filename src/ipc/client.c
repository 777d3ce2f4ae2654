/*
 * One kept connection to a service. What may be repeated is decided here
 * alone: a request whose bytes the server never read, which the kernel tells by
 * EPIPE (it had closed before we wrote) or ECONNRESET (it closed with our bytes
 * unread). Anything else is a failure for the caller to judge.
 */
#include "ipc/client.h"

#include "net/connect.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECT_TRIES = 10, /* a second apart, while the socket is not there */
    CALL_TRIES = 10,    /* connections that closed before they read the request */
};

struct ipc_client {
    char *path, *protocol;
    int64_t timeout_ms, last_used;
    int connect_tries;
    bool gave_up;          /* the last time: it is not waited for once more */
    struct stream *stream; /* NULL = not connected */
};

struct ipc_client *ipc_client_new(const char *path, const char *protocol,
                                  int64_t timeout_ms)
{
    struct ipc_client *client = calloc(1, sizeof(*client));

    if (client) {
        client->path = strdup(path);
        client->protocol = protocol ? strdup(protocol) : NULL;
        client->timeout_ms = timeout_ms;
        client->connect_tries = CONNECT_TRIES;
    }
    if (!client || !client->path || (protocol && !client->protocol))
        panic("out of memory");
    return client;
}

void ipc_client_is_impatient(struct ipc_client *client)
{
    client->connect_tries = 1;
}

void ipc_client_free(struct ipc_client *client)
{
    if (!client)
        return;
    ipc_client_close(client);
    free(client->path);
    free(client->protocol);
    free(client);
}

void ipc_client_close(struct ipc_client *client)
{
    stream_free(client->stream);
    client->stream = NULL;
}

int64_t ipc_client_last_used(const struct ipc_client *client)
{
    return client->last_used;
}

/*
 * A socket that is missing or that nobody listens at may come back: master is
 * starting or reloading. Waited for in vain, it is only looked at until it is there:
 * without master, who serves a client would wait at every command, and keep the port from
 * a new one.
 */
static int connect_patiently(struct ipc_client *client, struct fail *why)
{
    for (int i = client->gave_up ? client->connect_tries : 1;; i++) {
        struct fail local;
        int fd = connect_unix(client->path, client->timeout_ms, &local);

        client->gave_up = fd < 0 && i >= client->connect_tries;
        if (fd >= 0)
            return fd;
        if (client->gave_up || (local.code != ENOENT && local.code != ECONNREFUSED)) {
            fail_set(why, "connect to %s: %s", client->path, local.text);
            if (why)
                why->code = local.code;
            return -1;
        }
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
}

struct stream *ipc_client_stream(struct ipc_client *client, struct fail *why)
{
    int fd;

    client->last_used = clock_ms(&clock_system);
    if (client->stream)
        return client->stream;
    fd = connect_patiently(client, why);
    if (fd < 0)
        return NULL;
    client->stream = stream_new(fd, 0);
    stream_poll_first(client->stream);
    stream_set_timeout(client->stream, client->timeout_ms);
    if (ipc_expect(client->stream, client->protocol, why) < 0) {
        fail_prefix(why, "%s", client->path);
        ipc_client_close(client);
        return NULL;
    }
    return client->stream;
}

/* One try: 0, -1, or 1 when the server closed without reading the request. */
static int try_call(struct ipc_client *client, const struct ipc_exchange *exchange,
                    struct arena *arena, struct fail *why)
{
    struct stream *s = ipc_client_stream(client, why);
    enum stream_result sent;

    if (!s) /* the announcement of a server that just left is lost in the same way */
        return why->code == ECONNRESET ? 1 : -1;
    ipc_put_request(s, exchange->request, exchange->message, exchange->record);
    sent = stream_flush(s);
    if (sent != STREAM_OK) {
        fail_set(why, "%s: send: %s", client->path, stream_result_text(sent));
        return sent == STREAM_RESET ? 1 : -1;
    }
    if (ipc_receive(s, exchange->reply, arena, exchange->ret, why) == 0)
        return 0;
    fail_prefix(why, "%s", client->path);
    return why->code == ECONNRESET ? 1 : -1;
}

int ipc_call(struct ipc_client *client, const struct ipc_exchange *exchange,
             struct arena *arena, struct fail *why)
{
    struct fail local = {0};

    for (int i = 0; i < CALL_TRIES; i++) {
        int result = try_call(client, exchange, arena, &local);

        if (result == 0)
            return 0;
        ipc_client_close(client);
        if (result < 0)
            break;
    }
    if (why)
        *why = local;
    return -1;
}

/* Older configurations have FIFOs. One without a reader is no service. */
static int trigger_fifo(const char *path, const char *bytes, struct fail *why)
{
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    size_t n = strlen(bytes);
    int status = 0;

    if (fd < 0)
        return fail_set(why, "open fifo %s: %m", path);
    if (write(fd, bytes, n) != (ssize_t)n)
        status = fail_set(why, "write to fifo %s: %m", path);
    close(fd);
    return status;
}

static bool is_fifo(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISFIFO(st.st_mode);
}

int ipc_trigger(const char *path, const char *bytes, int64_t timeout_ms, struct fail *why)
{
    struct fail local;
    int fd = connect_unix(path, timeout_ms, &local);
    struct stream *s;
    enum stream_result result;

    if (fd < 0)
        return is_fifo(path) ? trigger_fifo(path, bytes, why)
                             : fail_set(why, "connect to %s: %s", path, local.text);
    s = stream_new(fd, 0);
    stream_set_timeout(s, timeout_ms);
    stream_write_text(s, bytes);
    result = stream_flush(s);
    stream_free(s);
    if (result != STREAM_OK)
        return fail_set(why, "send to %s: %s", path, stream_result_text(result));
    return 0;
}
