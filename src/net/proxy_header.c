/*
 * The PROXY protocol, both versions; haproxy's doc/proxy-protocol.txt is its definition.
 */
#include "net/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* --- the line --------------------------------------------------------------------- */

static int take_address(struct str *rest, enum netaddr_family family, const char *whose,
                        struct netaddr *ret, struct fail *why)
{
    struct str word = str_word(rest, " ");
    bool six = str_find(word, ':') < word.n;

    if (six != (family == NETADDR_IPV6) || !netaddr_parse(word, ret))
        return fail_set(why, "bad or missing %s address: %.*s", whose, STR_ARG(word));
    return 0;
}

static int take_port(struct str *rest, const char *whose, uint16_t *ret, struct fail *why)
{
    struct str word = str_word(rest, " ");
    unsigned long long port;

    if (!str_number(word, UINT16_MAX, &port))
        return fail_set(why, "bad or missing %s port: %.*s", whose, STR_ARG(word));
    *ret = (uint16_t)port;
    return 0;
}

int proxy_header_line(struct str line, struct proxy_header *ret, struct fail *why)
{
    struct proxy_header header = {.is_told = true};
    struct str rest = line;
    enum netaddr_family family;
    struct str word;

    if (!str_is(str_word(&rest, " "), "PROXY"))
        return fail_set(why, "unrecognized protocol header: %.*s", STR_ARG(line));
    word = str_word(&rest, " ");
    if (!str_is(word, "TCP4") && !str_is(word, "TCP6"))
        return fail_set(why, "bad or missing protocol type: %.*s", STR_ARG(word));
    family = str_is(word, "TCP6") ? NETADDR_IPV6 : NETADDR_IPV4;
    if (take_address(&rest, family, "client", &header.client, why) < 0 ||
        take_address(&rest, family, "server", &header.server, why) < 0 ||
        take_port(&rest, "client", &header.client.port, why) < 0 ||
        take_port(&rest, "server", &header.server.port, why) < 0)
        return -1;
    *ret = header;
    return 0;
}

/* --- the bytes -------------------------------------------------------------------- */

static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";

enum { SIGNATURE = sizeof signature - 1, VERSION = 0x20, LOCAL = 0, PROXY = 1 };
enum { TCP4 = 0x11, TCP6 = 0x21 };

static unsigned byte(struct str bytes, size_t at)
{
    return (unsigned char)bytes.p[at];
}

static unsigned short number(struct str bytes, size_t at)
{
    return (unsigned short)(byte(bytes, at) << 8 | byte(bytes, at + 1));
}

int proxy_header_rest(struct str fixed, size_t *ret, struct fail *why)
{
    if (fixed.n != PROXY_FIXED || memcmp(fixed.p, signature, SIGNATURE) != 0)
        return fail_set(why, "unrecognized protocol header");
    if ((byte(fixed, SIGNATURE) & 0xf0) != VERSION)
        return fail_set(why, "unrecognized protocol version");
    *ret = number(fixed, PROXY_FIXED - 2);
    if (*ret > PROXY_REST_MAX)
        return fail_set(why, "version 2 protocol header is too long");
    return 0;
}

static struct netaddr address(int family, struct str bytes, size_t at, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct netaddr result;

    if (family == AF_INET) {
        memcpy(&in.sin_addr, bytes.p + at, sizeof in.sin_addr);
        netaddr_from_socket((const struct sockaddr *)&in, sizeof in, &result);
    } else {
        memcpy(&in6.sin6_addr, bytes.p + at, sizeof in6.sin6_addr);
        netaddr_from_socket((const struct sockaddr *)&in6, sizeof in6, &result);
    }
    return result;
}

int proxy_header_binary(struct str fixed, struct str rest, struct proxy_header *ret,
                        struct fail *why)
{
    unsigned command = byte(fixed, SIGNATURE) & 0xf, kind = byte(fixed, SIGNATURE + 1);
    int family = kind == TCP6 ? AF_INET6 : AF_INET;
    size_t size = kind == TCP6 ? 16 : 4;

    *ret = (struct proxy_header){0};
    if (command == LOCAL)
        return 0;
    if (command != PROXY)
        return fail_set(why, "bad command in proxy header");
    if (kind != TCP4 && kind != TCP6)
        return fail_set(why, "unsupported network protocol");
    if (rest.n < 2 * size + 4)
        return fail_set(why, "short address field");
    ret->is_told = true;
    ret->client = address(family, rest, 0, number(rest, 2 * size));
    ret->server = address(family, rest, size, number(rest, 2 * size + 2));
    return 0;
}
