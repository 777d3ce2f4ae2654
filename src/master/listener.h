/*
 * The sockets of one service.
 */
#ifndef MASTER_LISTENER_H
#define MASTER_LISTENER_H

#include "conf/conf.h"
#include "conf/master_cf.h"
#include "net/netaddr.h"
#include "util/fail.h"

struct listener {
    int *fds;
    size_t n;
    char *path; /* of UNIX sockets and FIFOs, below the queue directory; else NULL */
    char *port; /* of inet services: "25"; else NULL */
    struct netaddr *addresses; /* of inet services, n of them */
};

/*
 * Open what the line asks for; the working directory is the queue directory.
 * On failure *why names the address or path.
 */
int listener_open(struct listener *listener, const struct master_service *line,
                  const struct conf *conf, struct fail *why) MUST_CHECK;
void listener_close(
    struct listener *listener); /* leaves UNIX sockets in the file system */
/* Close, and take UNIX sockets away. */
void listener_remove(struct listener *listener);

/* Does the line still want exactly these? For inet services that follow inet_interfaces.
 */
bool listener_is_current(const struct listener *listener,
                         const struct master_service *line, const struct conf *conf);

/* Send one byte to the service as any client would; a service that is busy misses it. */
void listener_poke(const struct listener *listener, enum master_type type, char byte);

#endif
