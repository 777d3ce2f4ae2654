/*
 * Connecting with a time limit. The kernel's send time limit also bounds
 * connect(2), so a connection costs socket, setsockopt and connect and nothing
 * more; only a wait broken by a signal goes on with poll.
 */
#include "net/connect.h"

#include "util/clock.h"
#include "util/wait.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int limit_time(int fd, int64_t timeout_ms)
{
    struct timeval limit = {timeout_ms / 1000, (timeout_ms % 1000) * 1000};

    if (timeout_ms < 0)
        return 0;
    if (timeout_ms == 0) /* zero would mean no limit */
        limit.tv_usec = 1000;
    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

/* A signal came in between: the connection is still being made. */
static int await_connection(int fd, int64_t end_ms)
{
    int64_t left = end_ms < 0 ? -1 : end_ms - clock_ms(&clock_system);
    int error = 0, ready;
    socklen_t length = sizeof error;

    ready = wait_one(fd, POLLOUT, end_ms >= 0 && left < 0 ? 0 : left);
    if (ready == 0)
        error = ETIMEDOUT;
    else if (ready < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        return -1;
    errno = error;
    return error == 0 ? 0 : -1;
}

/* 0, or -1 with errno */
static int connect_within(int fd, const struct netaddr *address, int64_t timeout_ms)
{
    struct sockaddr_storage sa;
    socklen_t length = netaddr_to_socket(address, &sa);
    int64_t end_ms = timeout_ms < 0 ? -1 : clock_ms(&clock_system) + timeout_ms;

    if (limit_time(fd, timeout_ms) < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&sa, length) == 0)
        return 0;
    if (errno == EINTR)
        return await_connection(fd, end_ms);
    if (errno == EINPROGRESS ||
        errno == EAGAIN) /* EAGAIN: a UNIX server's queue stayed full */
        errno = ETIMEDOUT;
    return -1;
}

static int bind_source(int fd, const struct netaddr *source)
{
    struct sockaddr_storage sa;
    socklen_t length = netaddr_to_socket(source, &sa);

    return bind(fd, (struct sockaddr *)&sa, length);
}

int connect_inet(const struct netaddr *address, const struct netaddr *source,
                 int64_t timeout_ms, struct fail *why)
{
    int domain = address->family == NETADDR_IPV6 ? AF_INET6 : AF_INET;
    char text[NETADDR_TEXT];
    int fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return fail_set(why, "%m");
    if (source != NULL && bind_source(fd, source) < 0)
        (void)fail_set(why, "bind %s: %m", netaddr_text(source, text));
    else if (connect_within(fd, address, timeout_ms) < 0)
        (void)fail_set(why, "%m");
    else
        return fd;
    close(fd);
    return -1;
}

static int unix_address(const char *path, struct netaddr *ret, struct fail *why)
{
    *ret = (struct netaddr){.family = NETADDR_UNIX};
    if (strlen(path) >= sizeof ret->path) {
        errno = ENAMETOOLONG;
        return fail_set(why, "%s: %m", path);
    }
    snprintf(ret->path, sizeof ret->path, "%s", path);
    return 0;
}

int connect_unix(const char *path, int64_t timeout_ms, struct fail *why)
{
    struct netaddr address;
    int fd;

    if (unix_address(path, &address, why) < 0)
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail_set(why, "%s: %m", path);
    if (connect_within(fd, &address, timeout_ms) == 0)
        return fd;
    (void)fail_set(why, "%s: %m", path);
    close(fd);
    return -1;
}

int connect_unix_datagram(const char *path, struct fail *why)
{
    struct netaddr address;
    int fd;

    if (unix_address(path, &address, why) < 0)
        return -1;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_set(why, "%s: %m", path);
    if (connect_within(fd, &address, -1) == 0)
        return fd;
    (void)fail_set(why, "%s: %m", path);
    close(fd);
    return -1;
}
