/* The addresses of a host: what /etc/hosts says, else the DNS. */
#ifndef SMTPD_HOST_ADDRESSES_H
#define SMTPD_HOST_ADDRESSES_H

#include "smtpd/session.h"

struct host_addresses {
    struct netaddr *addresses;
    size_t n;
    enum dns_status status; /* why there are none */
};

/* In the command arena; smtpd_dns_reply_filter has no say. */
void host_addresses_look_up(struct session *session, const char *name,
                            struct host_addresses *ret);

#endif
