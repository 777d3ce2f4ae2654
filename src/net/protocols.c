/* inet_protocols. Whether the kernel has IPv6 is asked by making one socket. */
#include "net/protocols.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static bool kernel_has(int domain)
{
    int fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) /* no descriptors left says nothing about the protocol */
        return errno != EAFNOSUPPORT && errno != EPROTONOSUPPORT;
    close(fd);
    return true;
}

int protocols_parse(struct str text, int *ret, struct fail *why)
{
    struct str rest = text, word;
    int set = 0;

    while ((word = str_word(&rest, ", \t\r\n")).n > 0) {
        if (str_is_nocase(word, "ipv4"))
            set |= PROTOCOL_IPV4;
        else if (str_is_nocase(word, "ipv6"))
            set |= PROTOCOL_IPV6;
        else if (str_is_nocase(word, "all"))
            set |= (kernel_has(AF_INET) ? PROTOCOL_IPV4 : 0) |
                   (kernel_has(AF_INET6) ? PROTOCOL_IPV6 : 0);
        else
            return fail_set(why, "unknown inet_protocols value \"%.*s\" in \"%.*s\"",
                            STR_ARG(word), STR_ARG(text));
    }
    if (set == 0)
        return fail_set(why, "inet_protocols names no usable protocol: \"%.*s\"",
                        STR_ARG(text));
    *ret = set;
    return 0;
}

bool protocols_has(int protocols, const struct netaddr *address)
{
    switch (address->family) {
    case NETADDR_IPV4:
        return protocols & PROTOCOL_IPV4;
    case NETADDR_IPV6:
        return protocols & PROTOCOL_IPV6;
    case NETADDR_UNIX:
        return true;
    case NETADDR_NONE:
        break;
    }
    return false;
}
