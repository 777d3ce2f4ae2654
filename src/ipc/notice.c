/*
 * Notices from cleanup to the queue manager: connectionless datagrams, so that
 * either side may start or end at any time. The receiver never waits; the
 * sender waits for room, which slows intake down when the queue manager is behind.
 */
#include "ipc/notice.h"

#include "net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

int notice_open(const char *path, struct fail *why)
{
    int fd = listen_unix_datagram(path, 0600, why);

    if (fd >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        fail_set(why, "%s: set non-blocking: %m", path);
        close(fd);
        return -1;
    }
    return fd;
}

int notice_receive(int fd, char *text, size_t size, struct fail *why)
{
    ssize_t n;

    do
        n = recv(fd, text, size - 1, MSG_TRUNC | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? 0 : fail_set(why, "receive notice: %m");
    /* A notice that fits no queue id becomes the empty one, which names no message. */
    text[n < (ssize_t)size ? n : 0] = '\0';
    return 1;
}

int notice_sender(int64_t timeout_ms, struct fail *why)
{
    struct timeval limit = {.tv_sec = timeout_ms / 1000,
                            .tv_usec = timeout_ms % 1000 * 1000};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return fail_set(why, "notice socket: %m");
    if (timeout_ms <= 0)
        limit.tv_usec = 1000; /* zero would mean: for ever */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0) {
        fail_set(why, "notice socket: time limit: %m");
        close(fd);
        return -1;
    }
    return fd;
}

int notice_send(int fd, const char *path, const char *queue_id, struct fail *why)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(to.sun_path))
        return fail_set(why, "%s: path too long for a socket", path);
    memcpy(to.sun_path, path, strlen(path) + 1);
    if (sendto(fd, queue_id, strlen(queue_id), MSG_NOSIGNAL, (struct sockaddr *)&to,
               sizeof(to)) < 0)
        return fail_set(why, "send notice to %s: %m", path);
    return 0;
}
