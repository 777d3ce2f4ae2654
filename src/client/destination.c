/*
 * Reading next hops. Brackets mean "this host, no mail exchangers"; so do
 * UNIX paths and switched-off DNS.
 */
#include "client/destination.h"

#include "mail/utf8.h"
#include "net/endpoint.h"

/* The name as the DNS knows it. */
static const char *to_ascii(struct str domain, struct arena *arena)
{
    struct buf out;
    const char *ascii;

    if (utf8_is_ascii(domain))
        return arena_copy_str(arena, domain);
    buf_init(&out, 4096);
    if (domain.n > 1000 || utf8_add_domain_ascii(&out, domain, NULL) < 0)
        ascii =
            arena_copy_str(arena, domain); /* the lookup will say that it is no name */
    else
        ascii = arena_copy_str(arena, buf_str(&out));
    buf_done(&out);
    return ascii;
}

int destination_parse(const struct client_settings *settings, struct str nexthop,
                      struct arena *arena, struct destination *ret, struct fail *why)
{
    struct destination d = {.nexthop = arena_copy_str(arena, nexthop), .domain = ""};
    struct str text = nexthop;
    struct endpoint endpoint;
    uint16_t usual;

    if (settings->lmtp && str_starts_nocase(text, "inet:"))
        text = str_tail(text, 5);
    if (!settings->lmtp &&
        (str_starts_nocase(text, "unix:") || str_starts_nocase(text, "inet:")))
        return fail_set(why, "bad next hop: %s", d.nexthop);
    if (endpoint_parse(text, ENDPOINT_ALONE_IS_HOST, arena, &endpoint, why) < 0)
        return -1;
    if (endpoint.kind == ENDPOINT_UNIX) {
        d.path = endpoint.path;
        *ret = d;
        return 0;
    }
    if (endpoint.host[0] == '\0')
        return fail_set(why, "no host name in next hop: %s", d.nexthop);
    if (endpoint_port(settings->default_port, settings->known_tcp_ports, &usual, why) < 0)
        return -1;
    d.port = usual;
    if (endpoint.port[0] != '\0' &&
        endpoint_port(endpoint.port, settings->known_tcp_ports, &d.port, why) < 0)
        return -1;
    d.domain = to_ascii(str_of(endpoint.host), arena);
    d.default_port = d.port == usual;
    d.use_mx = settings->use_mx && !str_starts(text, "[");
    *ret = d;
    return 0;
}
