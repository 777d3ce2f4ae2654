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

/* Is it in use_srv_lookup? */
static bool is_found_by_srv(const struct client_settings *settings, const char *service)
{
    struct str rest = str_of(settings->srv_services ? settings->srv_services : ""), word;

    while ((word = str_word(&rest, ", \t\r\n")).n > 0)
        if (str_is_nocase(word, service))
            return true;
    return false;
}

static int find_port(const struct client_settings *settings,
                     const struct endpoint *endpoint, struct destination *d,
                     struct fail *why)
{
    bool needed = d->service == NULL || settings->srv_fallback_if_none ||
                  settings->srv_fallback_if_failed;

    if (endpoint_port(settings->default_port, settings->known_tcp_ports, &d->usual_port,
                      why) < 0)
        return -1;
    d->port = d->usual_port;
    if (endpoint->port[0] == '\0' ||
        endpoint_port(endpoint->port, settings->known_tcp_ports, &d->port, why) == 0)
        return 0;
    return needed ? -1 : 0;
}

int destination_parse(const struct client_settings *settings, struct str nexthop,
                      struct arena *arena, struct destination *ret, struct fail *why)
{
    struct destination d = {.nexthop = arena_copy_str(arena, nexthop), .domain = ""};
    struct str text = nexthop;
    struct endpoint endpoint;
    const char *service;

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
    service = endpoint.port[0] != '\0' ? endpoint.port : settings->default_port;
    if (!settings->no_dns && !str_starts(text, "[") && is_found_by_srv(settings, service))
        d.service = service;
    if (find_port(settings, &endpoint, &d, why) < 0)
        return -1;
    d.domain = to_ascii(str_of(endpoint.host), arena);
    d.use_mx = settings->use_mx && !str_starts(text, "[");
    *ret = d;
    return 0;
}
