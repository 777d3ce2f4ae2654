/*
 * Endpoints as administrators write them: "host:port", "[host]:port",
 * "inet:host:port", "unix:path", and a port or service name alone.
 */
#ifndef NET_ENDPOINT_H
#define NET_ENDPOINT_H

#include "net/netaddr.h"
#include "util/arena.h"
#include "util/fail.h"

enum endpoint_kind { ENDPOINT_INET, ENDPOINT_UNIX };

struct endpoint {
    enum endpoint_kind kind;
    const char *host; /* without brackets and "IPv6:"; "" = none given */
    const char *port; /* number or service name; "" = none given */
    const char *path; /* ENDPOINT_UNIX: the path, else NULL */
};

enum endpoint_alone { /* what a text without ':' or brackets means */
                      ENDPOINT_ALONE_IS_PORT, /* "smtp" in master.cf */
                      ENDPOINT_ALONE_IS_HOST, /* "mail.example" in a relay */
};

/*
 * Parse all of text. "inet:" and "unix:" in front are optional; without them
 * it is ENDPOINT_INET. A bare IPv6 address must be in brackets to carry a
 * port. Texts live in arena.
 */
int endpoint_parse(struct str text, enum endpoint_alone alone, struct arena *arena,
                   struct endpoint *ret, struct fail *why) MUST_CHECK;

/*
 * The port number of "25" or of a service name: first in known_tcp_ports (the
 * parameter: "smtp=25, smtps=submissions=465"; NULL = none), then in
 * /etc/services.
 */
int endpoint_port(const char *port, const char *known_tcp_ports, uint16_t *ret,
                  struct fail *why) MUST_CHECK;

/*
 * All addresses of host by the system's own resolver (hosts file and name
 * service, getaddrinfo(3)), restricted to protocols, each with port filled
 * in. Numeric hosts ask nobody. 1 = found, 0 = there is no such host (*why says
 * so, with the code of getaddrinfo, such as EAI_NODATA), -1 = could not find out.
 * This may block for as long as the system's resolver does: for start-up and for
 * smtp_host_lookup = native.
 */
int endpoint_addresses(const char *host, uint16_t port, int protocols,
                       struct arena *arena, struct netaddrs *ret,
                       struct fail *why) MUST_CHECK;

/*
 * Connect to text, "inet:host:port" or "unix:path", where a text without ':' is a port
 * of this host: all addresses of the host in turn, within timeout_ms together. Asks the
 * system's resolver, as endpoint_addresses does. The descriptor, or -1: why->code is
 * the errno, 0 when no system call failed.
 */
int endpoint_connect(const char *text, int64_t timeout_ms, struct fail *why) MUST_CHECK;

#endif
