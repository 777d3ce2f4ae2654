/*
 * Tells comsat(8) of new mail: one datagram "user@offset" and a zero byte, whoever
 * listens. It must never hold up mail, so nothing is waited for and no failure is told.
 */
#include "local/local.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int biff_open(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct servent entry, *found = NULL;
    char memory[1024];
    int fd;

    if (getservbyname_r("biff", "udp", &entry, memory, sizeof(memory), &found) != 0 ||
        !found)
        return -1;
    to.sin_port = (in_port_t)found->s_port;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

void biff_notify(const struct agent *agent, const char *user, long long offset)
{
    char text[300];
    int n;

    if (agent->biff < 0)
        return;
    n = snprintf(text, sizeof(text), "%.200s@%lld", user, offset);
    (void)!send(agent->biff, text, (size_t)n + 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}
