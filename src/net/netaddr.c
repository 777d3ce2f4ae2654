/*
 * One value for every kind of address. The numeric forms accepted are those of
 * inet_pton(3) plus what SMTP adds to them; names are never looked up here.
 */
#include "net/netaddr.h"

#include "util/format.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

static const unsigned char mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void set_ipv6(struct netaddr *address, const void *bytes, uint32_t scope)
{
    *address = (struct netaddr){.family = NETADDR_IPV6, .scope = scope};
    memcpy(address->bytes, bytes, 16);
    if (memcmp(bytes, mapped_prefix, sizeof mapped_prefix) == 0) {
        *address = (struct netaddr){.family = NETADDR_IPV4};
        memcpy(address->bytes, (const char *)bytes + sizeof mapped_prefix, 4);
    }
}

/* "fe80::1%eth0": cut the zone off text and return its interface index; false when there
 * is no such zone. */
static bool take_zone(char *text, uint32_t *ret)
{
    char *percent = strchr(text, '%');

    *ret = 0;
    if (percent == NULL)
        return true;
    *percent = '\0';
    *ret = if_nametoindex(percent + 1);
    return *ret != 0;
}

bool netaddr_parse(struct str text, struct netaddr *ret)
{
    char copy[INET6_ADDRSTRLEN + IF_NAMESIZE];
    unsigned char bytes[16];
    uint32_t scope;
    bool ipv6_only;

    if (text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
        text = str_from(text.p + 1, text.n - 2);
    ipv6_only = str_starts_nocase(text, "ipv6:");
    if (ipv6_only)
        text = str_tail(text, 5);
    if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, '\0', text.n) != NULL)
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (!ipv6_only && inet_pton(AF_INET, copy, bytes) == 1) {
        *ret = (struct netaddr){.family = NETADDR_IPV4};
        memcpy(ret->bytes, bytes, 4);
        return true;
    }
    if (!take_zone(copy, &scope) || inet_pton(AF_INET6, copy, bytes) != 1)
        return false;
    set_ipv6(ret, bytes, scope);
    return true;
}

static void from_unix(const struct sockaddr_un *un, socklen_t length, struct netaddr *ret)
{
    size_t n = length > offsetof(struct sockaddr_un, sun_path)
                   ? length - offsetof(struct sockaddr_un, sun_path)
                   : 0;

    *ret = (struct netaddr){.family = NETADDR_UNIX};
    if (n >= sizeof ret->path)
        n = sizeof ret->path - 1;
    if (n > 0 && un->sun_path[0] != '\0') /* not unnamed, not in the abstract space */
        memcpy(ret->path, un->sun_path, n);
}

void netaddr_from_socket(const struct sockaddr *sa, socklen_t length, struct netaddr *ret)
{
    *ret = (struct netaddr){0};
    if (sa->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in in;

        memcpy(&in, sa, sizeof in);
        ret->family = NETADDR_IPV4;
        ret->port = ntohs(in.sin_port);
        memcpy(ret->bytes, &in.sin_addr, 4);
    } else if (sa->sa_family == AF_INET6 && length >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 in6;

        memcpy(&in6, sa, sizeof in6);
        set_ipv6(ret, &in6.sin6_addr, in6.sin6_scope_id);
        ret->port = ntohs(in6.sin6_port);
    } else if (sa->sa_family == AF_UNIX) {
        from_unix((const struct sockaddr_un *)(const void *)sa, length, ret);
    }
}

socklen_t netaddr_to_socket(const struct netaddr *address, struct sockaddr_storage *ret)
{
    struct sockaddr_in *in = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
    struct sockaddr_un *un = (struct sockaddr_un *)ret;

    memset(ret, 0, sizeof *ret);
    switch (address->family) {
    case NETADDR_IPV4:
        in->sin_family = AF_INET;
        in->sin_port = htons(address->port);
        memcpy(&in->sin_addr, address->bytes, 4);
        return sizeof *in;
    case NETADDR_IPV6:
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(address->port);
        in6->sin6_scope_id = address->scope;
        memcpy(&in6->sin6_addr, address->bytes, 16);
        return sizeof *in6;
    case NETADDR_UNIX:
        un->sun_family = AF_UNIX;
        memcpy(un->sun_path, address->path, sizeof un->sun_path);
        return sizeof *un;
    case NETADDR_NONE:
        break;
    }
    return 0;
}

void netaddr_of_peer(int fd, struct netaddr *ret)
{
    struct sockaddr_storage sa = {0};
    socklen_t length = sizeof sa;

    *ret = (struct netaddr){0};
    if (getpeername(fd, (struct sockaddr *)&sa, &length) == 0)
        netaddr_from_socket((struct sockaddr *)&sa, length, ret);
}

void netaddr_of_own_end(int fd, struct netaddr *ret)
{
    struct sockaddr_storage sa = {0};
    socklen_t length = sizeof sa;

    *ret = (struct netaddr){0};
    if (getsockname(fd, (struct sockaddr *)&sa, &length) == 0)
        netaddr_from_socket((struct sockaddr *)&sa, length, ret);
}

const char *netaddr_text(const struct netaddr *address, char text[static NETADDR_TEXT])
{
    char zone[IF_NAMESIZE];

    text[0] = '\0';
    if (address->family == NETADDR_IPV4)
        /* As inet_ntop, which takes four times as long for what each session needs. */
        format_text(text, NETADDR_TEXT, "%d.%d.%d.%d", address->bytes[0],
                    address->bytes[1], address->bytes[2], address->bytes[3]);
    else if (address->family == NETADDR_IPV6)
        inet_ntop(AF_INET6, address->bytes, text, NETADDR_TEXT);
    else if (address->family == NETADDR_UNIX)
        format_text(text, NETADDR_TEXT, "%s", address->path);
    if (address->scope != 0 && if_indextoname(address->scope, zone) != NULL) {
        size_t n = strlen(text);

        snprintf(text + n, NETADDR_TEXT - n, "%%%s", zone);
    }
    return text;
}

const char *netaddr_literal(const struct netaddr *address, char text[static NETADDR_TEXT])
{
    char bare[NETADDR_TEXT];

    if (address->family != NETADDR_IPV6)
        return netaddr_text(address, text);
    snprintf(text, NETADDR_TEXT, "IPv6:%.100s", netaddr_text(address, bare));
    return text;
}

size_t netaddr_size(const struct netaddr *address)
{
    return address->family == NETADDR_IPV4 ? 4 : address->family == NETADDR_IPV6 ? 16 : 0;
}

bool netaddr_equal(const struct netaddr *a, const struct netaddr *b)
{
    if (a->family != b->family)
        return false;
    if (a->family == NETADDR_UNIX)
        return strcmp(a->path, b->path) == 0;
    return memcmp(a->bytes, b->bytes, netaddr_size(a)) == 0 && a->scope == b->scope;
}

bool netaddr_is_loopback(const struct netaddr *address)
{
    static const unsigned char ipv6_loopback[16] = {[15] = 1};

    switch (address->family) {
    case NETADDR_IPV4:
        return address->bytes[0] == 127;
    case NETADDR_IPV6:
        return memcmp(address->bytes, ipv6_loopback, 16) == 0;
    case NETADDR_UNIX:
        return true;
    case NETADDR_NONE:
        break;
    }
    return false;
}

bool netaddr_is_any(const struct netaddr *address)
{
    static const unsigned char zeros[16];
    size_t n = netaddr_size(address);

    return n > 0 && memcmp(address->bytes, zeros, n) == 0;
}

const char *netaddr_reverse(const struct netaddr *address, bool with_zone,
                            char text[static NETADDR_REVERSE])
{
    const unsigned char *bytes = address->bytes;
    size_t n = 0;

    text[0] = '\0';
    if (address->family == NETADDR_IPV4) {
        format_text(text, NETADDR_REVERSE, "%u.%u.%u.%u%s", bytes[3], bytes[2], bytes[1],
                    bytes[0], with_zone ? ".in-addr.arpa" : "");
    } else if (address->family == NETADDR_IPV6) {
        for (int i = 15; i >= 0; i--)
            n += (size_t)snprintf(text + n, NETADDR_REVERSE - n, "%x.%x%s",
                                  bytes[i] & 15u, bytes[i] >> 4, i > 0 ? "." : "");
        if (with_zone)
            snprintf(text + n, NETADDR_REVERSE - n, ".ip6.arpa");
    }
    return text;
}
