/*
 * Reading "host:port" in all the ways administrators write it, turning the two
 * halves into a number and into addresses, and connecting to them.
 */
#include "net/endpoint.h"

#include "net/connect.h"
#include "net/protocols.h"
#include "util/clock.h"

#include <arpa/inet.h>
#include <netdb.h>

/* "[host]" or "[host]:port" */
static int parse_bracketed(struct str text, struct str *ret_host, struct str *ret_port,
                           struct fail *why)
{
    size_t close = str_find(text, ']');
    struct str after = str_tail(text, close + 1);

    if (close == text.n || close == 1)
        return fail_set(why, "bad host in \"%.*s\"", STR_ARG(text));
    if (after.n > 0 && (after.p[0] != ':' || after.n == 1))
        return fail_set(why, "bad port in \"%.*s\"", STR_ARG(text));
    *ret_host = str_from(text.p + 1, close - 1);
    if (str_starts_nocase(*ret_host, "ipv6:"))
        *ret_host = str_tail(*ret_host, 5);
    *ret_port = str_tail(after, 1);
    return 0;
}

/* "host:port", or one of the two */
static int parse_plain(struct str text, enum endpoint_alone alone, struct str *ret_host,
                       struct str *ret_port, struct fail *why)
{
    size_t colon = str_find_last(text, ':');
    struct netaddr address;

    *ret_host = *ret_port = STR_NONE;
    if (colon == text.n) {
        *(alone == ENDPOINT_ALONE_IS_PORT ? ret_port : ret_host) = text;
        return 0;
    }
    if (netaddr_parse(text, &address)) {
        *ret_host = text;
        return 0;
    }
    *ret_host = str_head(text, colon);
    *ret_port = str_tail(text, colon + 1);
    if (ret_port->n == 0)
        return fail_set(why, "no port after \":\" in \"%.*s\"", STR_ARG(text));
    if (str_find(*ret_host, ':') < ret_host->n)
        return fail_set(why, "an IPv6 address needs [brackets] before a port: \"%.*s\"",
                        STR_ARG(text));
    return 0;
}

int endpoint_parse(struct str text, enum endpoint_alone alone, struct arena *arena,
                   struct endpoint *ret, struct fail *why)
{
    struct str host, port;
    int result;

    if (str_starts_nocase(text, "unix:")) {
        text = str_tail(text, 5);
        if (text.n == 0 || text.n >= sizeof((struct netaddr *)0)->path)
            return fail_set(why, "bad UNIX socket path \"%.*s\"", STR_ARG(text));
        *ret = (struct endpoint){ENDPOINT_UNIX, "", "", arena_copy_str(arena, text)};
        return 0;
    }
    if (str_starts_nocase(text, "inet:"))
        text = str_tail(text, 5);
    if (text.n == 0 || str_find_any(text, " \t\r\n") < text.n)
        return fail_set(why, "bad network address \"%.*s\"", STR_ARG(text));
    result = text.p[0] == '[' ? parse_bracketed(text, &host, &port, why)
                              : parse_plain(text, alone, &host, &port, why);
    if (result < 0)
        return -1;
    *ret = (struct endpoint){ENDPOINT_INET, arena_copy_str(arena, host),
                             arena_copy_str(arena, port), NULL};
    return 0;
}

/* "smtps=submissions=465": is name one of the words before the last "="? */
static bool entry_names(struct str entry, struct str name, struct str *ret_value)
{
    bool found = false;
    size_t equals;

    while ((equals = str_find(entry, '=')) < entry.n) {
        found = found || str_eq(str_trim(str_head(entry, equals)), name);
        entry = str_tail(entry, equals + 1);
    }
    *ret_value = str_trim(entry);
    return found;
}

static bool find_known(struct str name, const char *known_tcp_ports,
                       unsigned long long *ret)
{
    struct str rest = str_of(known_tcp_ports), value;

    while (rest.n > 0)
        if (entry_names(str_until(&rest, ','), name, &value))
            return str_number(value, 65535, ret);
    return false;
}

/* /etc/services, through the C library's thread-safe form. */
static bool find_service(const char *name, unsigned long long *ret)
{
    struct servent entry, *found = NULL;
    char space[2048];

    if (getservbyname_r(name, "tcp", &entry, space, sizeof space, &found) != 0 ||
        found == NULL)
        return false;
    *ret = ntohs((uint16_t)entry.s_port);
    return true;
}

int endpoint_port(const char *port, const char *known_tcp_ports, uint16_t *ret,
                  struct fail *why)
{
    unsigned long long number;

    if (*port >= '0' && *port <= '9') {
        if (!str_number(str_of(port), 65535, &number) || number == 0)
            return fail_set(why, "bad port number: %s", port);
    } else if (!find_known(str_of(port), known_tcp_ports, &number) &&
               !find_service(port, &number)) {
        return fail_set(why, "unknown service: %s/tcp", port);
    }
    *ret = (uint16_t)number;
    return 0;
}

static int collect(const struct addrinfo *list, uint16_t port, int protocols,
                   struct arena *arena, struct netaddrs *ret)
{
    struct netaddrs found = {0};
    size_t n = 0;

    for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next)
        n++;
    found.items = arena_array(arena, n, sizeof *found.items);
    for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
        struct netaddr *address = &found.items[found.n];

        netaddr_from_socket(ai->ai_addr, ai->ai_addrlen, address);
        address->port = port;
        found.n += protocols_has(protocols, address);
    }
    if (found.n == 0)
        return 0;
    *ret = found;
    return 1;
}

int endpoint_addresses(const char *host, uint16_t port, int protocols,
                       struct arena *arena, struct netaddrs *ret, struct fail *why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    struct netaddr address;
    int result;

    if (netaddr_parse(str_of(host), &address)) {
        if (!protocols_has(protocols, &address))
            return 0;
        address.port = port;
        ret->items = ARENA_NEW(arena, struct netaddr);
        ret->items[0] = address;
        ret->n = 1;
        return 1;
    }
    if (protocols == PROTOCOL_IPV4)
        hints.ai_family = AF_INET;
    else if (protocols == PROTOCOL_IPV6)
        hints.ai_family = AF_INET6;
    result = getaddrinfo(host, NULL, &hints, &list);
    if (result == EAI_NONAME || result == EAI_NODATA || result == EAI_ADDRFAMILY) {
        (void)fail_set(why, "%s", gai_strerror(result));
        if (why)
            why->code = result;
        return 0;
    }
    if (result != 0)
        return fail_set(why, "%s", gai_strerror(result));
    result = collect(list, port, protocols, arena, ret);
    freeaddrinfo(list);
    return result;
}

/* --- connecting ------------------------------------------------------------------- */

static int connect_host(const struct endpoint *where, struct arena *arena,
                        int64_t timeout_ms, struct fail *why)
{
    int64_t until = clock_ms(&clock_system) + timeout_ms;
    const char *host = *where->host ? where->host : "localhost";
    struct netaddrs addresses;
    struct fail reason;
    uint16_t port;
    int fd = -1;

    if (endpoint_port(where->port, NULL, &port, why) < 0)
        return -1;
    if (endpoint_addresses(host, port, PROTOCOL_IPV4 | PROTOCOL_IPV6, arena, &addresses,
                           &reason) <= 0)
        return fail_set(why, "%s: %s", host, reason.text);
    for (size_t i = 0; fd < 0 && i < addresses.n; i++) {
        int64_t left = until - clock_ms(&clock_system);

        fd = connect_inet(&addresses.items[i], NULL, left > 0 ? left : 0, why);
    }
    return fd;
}

int endpoint_connect(const char *text, int64_t timeout_ms, struct fail *why)
{
    struct arena *arena = arena_new("request");
    struct endpoint where;
    int fd = endpoint_parse(str_of(text), ENDPOINT_ALONE_IS_PORT, arena, &where, why);

    if (fd == 0)
        fd = where.kind == ENDPOINT_UNIX ? connect_unix(where.path, timeout_ms, why)
                                         : connect_host(&where, arena, timeout_ms, why);
    arena_free(arena);
    return fd;
}
