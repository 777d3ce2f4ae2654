/*
 * Listening sockets. A UNIX socket is born with its mode and never changed by
 * its name: it lies in a directory of somebody who has fewer rights than we, and
 * could put a link in its place meanwhile.
 */
#include "net/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int give_up(int fd, const char *path)
{
    if (path != NULL)
        unlink(path);
    close(fd);
    return -1;
}

int listen_inet(const struct netaddr *address, int backlog, struct fail *why)
{
    struct sockaddr_storage sa;
    socklen_t length = netaddr_to_socket(address, &sa);
    char text[NETADDR_TEXT];
    int on = 1, fd;

    fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail_set(why, "socket: %m");
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        (address->family == NETADDR_IPV6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)) {
        (void)fail_set(why, "setsockopt: %m");
        return give_up(fd, NULL);
    }
    if (bind(fd, (struct sockaddr *)&sa, length) < 0) {
        (void)fail_set(why, "bind %s port %u: %m", netaddr_text(address, text),
                       address->port);
        return give_up(fd, NULL);
    }
    if (listen(fd, backlog) < 0) {
        (void)fail_set(why, "listen %s port %u: %m", netaddr_text(address, text),
                       address->port);
        return give_up(fd, NULL);
    }
    return fd;
}

/* A socket, or a FIFO where a service was one in an older master.cf. */
static int remove_stale(const char *path, struct fail *why)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : fail_set(why, "lstat %s: %m", path);
    if (!S_ISSOCK(st.st_mode) && !S_ISFIFO(st.st_mode))
        return fail_set(why, "%s is in the way: not a socket", path);
    if (unlink(path) < 0 && errno != ENOENT)
        return fail_set(why, "remove old socket %s: %m", path);
    return 0;
}

static int bind_unix(const char *path, int type, mode_t mode, struct fail *why)
{
    struct netaddr address = {.family = NETADDR_UNIX};
    struct sockaddr_storage sa;
    socklen_t length;
    mode_t mask;
    int fd, result;

    if (strlen(path) >= sizeof address.path)
        return fail_set(why, "%s: too long for a UNIX socket", path);
    snprintf(address.path, sizeof address.path, "%s", path);
    length = netaddr_to_socket(&address, &sa);
    if (remove_stale(path, why) < 0)
        return -1;
    fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail_set(why, "socket: %m");
    mask = umask(0777 & ~mode);
    result = bind(fd, (struct sockaddr *)&sa, length);
    if (result < 0)
        (void)fail_set(why, "bind %s: %m", path);
    umask(mask);
    return result < 0 ? give_up(fd, NULL) : fd;
}

int listen_unix(const char *path, int backlog, mode_t mode, struct fail *why)
{
    int fd = bind_unix(path, SOCK_STREAM, mode, why);

    if (fd < 0)
        return -1;
    if (listen(fd, backlog) < 0) {
        (void)fail_set(why, "listen %s: %m", path);
        return give_up(fd, path);
    }
    return fd;
}

int listen_unix_datagram(const char *path, mode_t mode, struct fail *why)
{
    return bind_unix(path, SOCK_DGRAM, mode, why);
}

/* What accept(2) says when there was a connection but no longer is. */
static bool is_gone(int error)
{
    return error == EAGAIN || error == ECONNABORTED || error == EINTR ||
           error == EPROTO || error == ENETDOWN || error == ENOPROTOOPT ||
           error == EHOSTDOWN || error == ENONET || error == EHOSTUNREACH ||
           error == EOPNOTSUPP || error == ENETUNREACH;
}

int listen_accept(int listener, struct netaddr *ret_peer, struct fail *why)
{
    struct sockaddr_storage sa;
    socklen_t length = sizeof sa;
    int fd = accept4(listener, ret_peer ? (struct sockaddr *)&sa : NULL,
                     ret_peer ? &length : NULL, SOCK_CLOEXEC);

    if (fd < 0) {
        if (is_gone(errno))
            errno = EAGAIN;
        return fail_set(why, "accept: %m");
    }
    if (ret_peer != NULL)
        netaddr_from_socket((struct sockaddr *)&sa, length, ret_peer);
    return fd;
}
