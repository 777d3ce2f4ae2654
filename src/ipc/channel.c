/*
 * A connection on the loop: bytes collected in both directions, cut into whole
 * messages for the owner. Owners may close a channel from inside their
 * callbacks, so it is only freed when no callback runs.
 */
#include "ipc/channel.h"

#include "net/netaddr.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_SIZE = 16384,
    BUFFER_MAX = 64 << 20,
    INPUT_MAX = 8 << 20, /* larger than any message: the server is out of its mind */
};

struct channel {
    struct loop *loop;
    const struct channel_owner *owner;
    void *context;
    char protocol[64];
    int fd;
    int passenger; /* our duplicate of a descriptor that waits to go out, or -1 */
    bool announced;
    bool unread;               /* the server closed before it read what was sent */
    bool busy, closed;         /* a callback runs; close when it returns */
    struct loop_timer *doomed; /* sending failed: gone is told from the loop */
    struct buf in, out;
    size_t taken; /* bytes of `in` that are done with, or in hand */
};

static void ready(void *context, int fd, int events);

static void release(struct channel *channel)
{
    loop_cancel(channel->loop, channel->doomed);
    if (channel->fd >= 0) {
        loop_unwatch(channel->loop, channel->fd);
        close(channel->fd);
    }
    if (channel->passenger >= 0)
        close(channel->passenger);
    buf_done(&channel->in);
    buf_done(&channel->out);
    free(channel);
}

void channel_close(struct channel *channel)
{
    if (!channel)
        return;
    if (channel->busy)
        channel->closed = true;
    else
        release(channel);
}

int channel_detach(struct channel *channel, struct buf *rest)
{
    int fd = channel->fd;

    buf_add_str(rest, str_tail(buf_str(&channel->in), channel->taken));
    loop_unwatch(channel->loop, fd);
    channel->fd = -1;
    channel_close(channel);
    return fd;
}

/* The connection is over; nothing of the channel may be used after this. */
static void end(struct channel *channel, const char *reason)
{
    const struct channel_owner *owner = channel->owner;
    void *context = channel->context;
    bool unread = channel->unread;

    release(channel);
    owner->gone(context, unread, reason);
}

static int watch(struct channel *channel, struct fail *why)
{
    int events = LOOP_READ | (channel->out.n > 0 ? LOOP_WRITE : 0);

    return loop_watch(channel->loop, channel->fd, events, ready, channel, why);
}

static int connect_socket(const char *path, struct fail *why)
{
    struct netaddr address = {.family = NETADDR_UNIX};
    struct sockaddr_storage sa;
    socklen_t length;
    int fd;

    if (strlen(path) >= sizeof(address.path))
        return fail_set(why, "%s: path too long for a socket", path);
    snprintf(address.path, sizeof(address.path), "%s", path);
    length = netaddr_to_socket(&address, &sa);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_set(why, "%m");
    if (connect(fd, (struct sockaddr *)&sa, length) == 0)
        return fd;
    (void)fail_set(why, "%m");
    close(fd);
    return -1;
}

struct channel *channel_open(struct loop *loop, const char *path, const char *protocol,
                             const struct channel_owner *owner, void *context,
                             struct fail *why)
{
    int fd = connect_socket(path, why);
    struct channel *channel;

    if (fd < 0)
        return NULL;
    channel = calloc(1, sizeof(*channel));
    if (!channel)
        panic("out of memory: channel");
    *channel = (struct channel){
        .loop = loop, .owner = owner, .context = context, .fd = fd, .passenger = -1};
    snprintf(channel->protocol, sizeof(channel->protocol), "%s",
             protocol ? protocol : "");
    buf_init(&channel->in, BUFFER_MAX);
    buf_init(&channel->out, BUFFER_MAX);
    if (watch(channel, why) == 0)
        return channel;
    release(channel);
    return NULL;
}

/* --- out ----------------------------------------------------------------------- */

struct buf *channel_output(struct channel *channel)
{
    return &channel->out;
}

/* One sendmsg of what is in the output; fd goes with it when it is not -1. */
static ssize_t send_once(struct channel *channel, int fd)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec vector = {channel->out.p, channel->out.n};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

    if (fd >= 0) {
        struct cmsghdr *header = (struct cmsghdr *)(void *)control;

        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(int));
    }
    return sendmsg(channel->fd, &message, MSG_NOSIGNAL);
}

static void doom(void *context)
{
    struct channel *channel = context;

    channel->doomed = NULL;
    end(channel, "the connection broke while sending");
}

/* Sending is impossible. Told from the loop, since the owner is in the middle of
 * something. */
static void send_failed(struct channel *channel)
{
    channel->unread = errno == EPIPE || errno == ECONNRESET;
    buf_reset(&channel->out);
    if (!channel->doomed)
        channel->doomed = loop_timer(channel->loop, 0, doom, channel);
}

/* Write what the socket takes. fd is the caller's, to go with the first byte, or -1; it
 * is duplicated only when it has to wait. */
static void push(struct channel *channel, int fd)
{
    while (channel->out.n > 0) {
        ssize_t n = send_once(channel, fd >= 0 ? fd : channel->passenger);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN && fd >= 0)
            channel->passenger = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (n < 0 && errno == EAGAIN && (fd < 0 || channel->passenger >= 0))
            return;
        if (n < 0) {
            send_failed(channel);
            return;
        }
        fd = -1;
        if (channel->passenger >= 0)
            close(channel->passenger);
        channel->passenger = -1;
        buf_shift(&channel->out, (size_t)n);
    }
}

void channel_send(struct channel *channel, int fd)
{
    struct fail why;

    if (channel->doomed || channel->out.n == 0)
        return;
    if (fd >= 0 && channel->passenger >= 0)
        panic("channel: two descriptors at once");
    push(channel, fd);
    if (!channel->doomed && watch(channel, &why) < 0)
        send_failed(channel);
}

/* --- in ------------------------------------------------------------------------ */

/* A callback is over; false when the owner closed the channel in it. */
static bool is_still_open(struct channel *channel)
{
    bool open = !channel->closed;

    channel->busy = false;
    if (!open)
        release(channel);
    return open;
}

static bool hand_over(struct channel *channel, struct str message)
{
    channel->busy = true;
    channel->owner->message(channel->context, message);
    return is_still_open(channel);
}

/* The first message says which protocol the server speaks. */
static bool take_announcement(struct channel *channel, struct str message)
{
    struct fail why;

    if (*channel->protocol &&
        ipc_decode_announcement(&message, channel->protocol, &why) < 0) {
        end(channel, why.text);
        return false;
    }
    channel->announced = true;
    if (!channel->owner->ready)
        return true;
    channel->busy = true;
    channel->owner->ready(channel->context);
    return is_still_open(channel);
}

/* Cut the input into messages. */
static void take_messages(struct channel *channel)
{
    struct str rest = buf_str(&channel->in);
    ssize_t n;

    while ((n = ipc_length(rest)) > 0) {
        struct str message = str_head(rest, (size_t)n);

        rest = str_tail(rest, (size_t)n);
        channel->taken = channel->in.n - rest.n;
        if (!(channel->announced ? hand_over(channel, message)
                                 : take_announcement(channel, message)))
            return;
    }
    if (n < 0 || rest.n > INPUT_MAX)
        end(channel, "malformed message");
    else {
        buf_shift(&channel->in, channel->in.n - rest.n);
        channel->taken = 0;
    }
}

static void receive(struct channel *channel)
{
    ssize_t n = recv(channel->fd, buf_reserve(&channel->in, READ_SIZE), READ_SIZE, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0 && errno == ECONNRESET)
        channel->unread = true;
    if (n <= 0) {
        end(channel, n < 0 ? strerror(errno) : "the server closed the connection");
        return;
    }
    buf_added(&channel->in, (size_t)n);
    take_messages(channel);
}

static void ready(void *context, int fd, int events)
{
    struct channel *channel = context;
    struct fail why;

    (void)fd;
    if (events & LOOP_WRITE && channel->out.n > 0) {
        push(channel, -1);
        if (!channel->doomed && watch(channel, &why) < 0)
            send_failed(channel);
    }
    if (events & LOOP_READ)
        receive(channel);
}
