/* A next hop as tables and relayhost name it: "d", "d:port", "[host]", "[host]:port",
 * "unix:path". */
#ifndef CLIENT_DESTINATION_H
#define CLIENT_DESTINATION_H

#include "client/settings.h"

struct destination {
    const char *nexthop; /* as written */
    const char *domain;  /* without brackets and port; A-labels; "" for a UNIX path */
    const char *path;    /* UNIX socket, else NULL */
    uint16_t port;
    uint16_t usual_port; /* of the protocol: there loops are looked for */
    bool use_mx;         /* mail exchangers of domain, not domain itself */
    const char
        *service; /* "submission": SRV records of it tell hosts and ports; or NULL */
};

/* -1 when it cannot be understood: a configuration error. */
int destination_parse(const struct client_settings *settings, struct str nexthop,
                      struct arena *arena, struct destination *ret,
                      struct fail *why) MUST_CHECK;

#endif
