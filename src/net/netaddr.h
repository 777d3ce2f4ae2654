/*
 * The address of one end of a connection: IPv4, IPv6 or a UNIX path, with its
 * port. A plain value, copied by assignment; zeroed = no address.
 *
 * An IPv4 address mapped into IPv6 (::ffff:1.2.3.4) is always held as IPv4,
 * so that access lists and log lines see one form.
 */
#ifndef NET_NETADDR_H
#define NET_NETADDR_H

#include "util/str.h"

#include <stdint.h>
#include <sys/socket.h>

enum netaddr_family { NETADDR_NONE, NETADDR_IPV4, NETADDR_IPV6, NETADDR_UNIX };

struct netaddr {
    enum netaddr_family family;
    uint16_t port;  /* host byte order; 0 = none */
    uint32_t scope; /* interface index of a link-local IPv6 address, else 0 */
    union {
        unsigned char bytes[16]; /* network byte order: 4 of IPv4, 16 of IPv6 */
        char path[108];          /* UNIX, NUL-terminated; "" = unnamed */
    };
};

enum { NETADDR_TEXT = 128 }; /* room for any text form, NUL included */

/*
 * Parse all of text as a numeric address: "192.0.2.1", "2001:db8::1",
 * "IPv6:2001:db8::1" (RFC 5321 section 4.1.3, any case), each also within
 * [brackets]. No ports, no short IPv4 forms, no leading zeros. The port is 0.
 */
bool netaddr_parse(struct str text, struct netaddr *ret);

/* Of the kernel's form; families that we do not know give NETADDR_NONE. */
void netaddr_from_socket(const struct sockaddr *sa, socklen_t length,
                         struct netaddr *ret);
/* To the kernel's form; returns its length, 0 for NETADDR_NONE. */
socklen_t netaddr_to_socket(const struct netaddr *address, struct sockaddr_storage *ret);

/* Either end of a connected socket; NETADDR_NONE when it has none. */
void netaddr_of_peer(int fd, struct netaddr *ret);
void netaddr_of_own_end(int fd, struct netaddr *ret);

/*
 * Write the address without its port into text and return text:
 * netaddr_text "192.0.2.1", "2001:db8::1", or the path; netaddr_literal the
 * same with "IPv6:" before an IPv6 address, for use in "[...]" in SMTP and
 * Received.
 */
const char *netaddr_text(const struct netaddr *address, char text[static NETADDR_TEXT]);
const char *netaddr_literal(const struct netaddr *address,
                            char text[static NETADDR_TEXT]);

/* Bytes of the address itself: 4, 16, or 0 when it is not IP. */
size_t netaddr_size(const struct netaddr *address);

/* The address alone, ports ignored. */
bool netaddr_equal(const struct netaddr *a, const struct netaddr *b);
bool netaddr_is_loopback(const struct netaddr *address); /* 127/8, ::1, any UNIX path */
bool netaddr_is_any(const struct netaddr *address);      /* 0.0.0.0, :: */

/* "1.2.0.192" + ".in-addr.arpa", or nibbles + ".ip6.arpa"; "" when not IP. Without the
 * zone for DNSBL. */
enum { NETADDR_REVERSE = 80 };
const char *netaddr_reverse(const struct netaddr *address, bool with_zone,
                            char text[static NETADDR_REVERSE]);

/* An array of addresses, in an arena. */
struct netaddrs {
    struct netaddr *items;
    size_t n;
};

#endif
