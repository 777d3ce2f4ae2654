/* Making connections, with a time limit. Descriptors are close-on-exec and blocking. */
#ifndef NET_CONNECT_H
#define NET_CONNECT_H

#include "net/netaddr.h"
#include "util/attributes.h"
#include "util/fail.h"

#include <stdint.h>

/*
 * Connect a stream socket to address, from source when it is not NULL (its
 * port 0 = any). timeout_ms < 0 = the kernel's own limit; else it stays on
 * the socket as limit of each write (SO_SNDTIMEO). Returns the
 * descriptor, or -1: why->code is the errno (ETIMEDOUT when time ran out) and
 * why->text just its words ("Connection refused"), since callers name the
 * peer in their own way.
 */
int connect_inet(const struct netaddr *address, const struct netaddr *source,
                 int64_t timeout_ms, struct fail *why) MUST_CHECK;

/* The same for a UNIX stream socket; the text names the path. */
int connect_unix(const char *path, int64_t timeout_ms, struct fail *why) MUST_CHECK;
/* A datagram socket connected to path; sends never block. */
int connect_unix_datagram(const char *path, struct fail *why) MUST_CHECK;

#endif
