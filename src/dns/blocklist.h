/*
 * Block lists in the DNS (RFC 5782): a name below the list's domain that has an
 * address means "listed".
 */
#ifndef DNS_BLOCKLIST_H
#define DNS_BLOCKLIST_H

#include "net/netaddr.h"

/*
 * Is this answer one that the list's filter takes? filter is "" (any) or
 * "127.0.0.[2;4..8]": four parts, each a number or a set of numbers and ranges.
 * -1 = no such thing.
 */
int blocklist_filter_takes(struct str filter, const unsigned char address[static 4]);

/* "192.0.2.1" as "1.2.0.192", IPv6 by its hexadecimal digits; text has room for
 * BLOCKLIST_REVERSED bytes. */
enum { BLOCKLIST_REVERSED = 65 };
void blocklist_reverse(const struct netaddr *address,
                       char text[static BLOCKLIST_REVERSED]);

#endif
