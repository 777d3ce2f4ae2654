/* SRV records (RFC 2782): where a service of a domain is to be found. */
#ifndef CLIENT_SERVICES_H
#define CLIENT_SERVICES_H

#include "dns/record.h"

/* "_submission._tcp.example.com"; in arena. */
const char *services_name(const char *service, const char *domain, struct arena *arena);

/*
 * Put the records in the order to try: by priority, and by chance within one, so
 * that each comes first as often as its share of the weights. With by_chance =
 * false the heaviest comes first.
 */
void services_sort(struct dns_record *records, size_t n, bool by_chance);

#endif
