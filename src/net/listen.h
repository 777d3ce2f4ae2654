/*
 * Sockets to be served. All are close-on-exec and blocking; the master makes
 * them inheritable for the one child that gets them.
 */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include "net/netaddr.h"
#include "util/attributes.h"
#include "util/fail.h"

#include <sys/types.h>

/* A TCP socket that listens at address; IPv6 sockets take IPv6 only. Returns the
 * descriptor or -1. */
int listen_inet(const struct netaddr *address, int backlog, struct fail *why) MUST_CHECK;

/*
 * A stream (or datagram) socket at path, made anew with exactly mode (0666
 * for mail services, whatever the umask says). A socket or FIFO that an
 * earlier process left behind is removed first; anything else at path is an error.
 */
int listen_unix(const char *path, int backlog, mode_t mode, struct fail *why) MUST_CHECK;
int listen_unix_datagram(const char *path, mode_t mode, struct fail *why) MUST_CHECK;

/*
 * accept4(2) with SOCK_CLOEXEC; the peer's address goes to *ret_peer (may be
 * NULL). -1 with why->code EAGAIN when somebody else took the connection or
 * it was gone already: no fault.
 */
int listen_accept(int listener, struct netaddr *ret_peer, struct fail *why) MUST_CHECK;

#endif
