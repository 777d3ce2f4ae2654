/*
 * XFORWARD: what a mail system tells a content filter behind it, or a mail
 * system behind that, about the client a message came from, for their logs.
 */
#ifndef CLIENT_XFORWARD_H
#define CLIENT_XFORWARD_H

#include "util/arena.h"
#include "util/str.h"

/* Of one message; NULL or "" = not known. */
struct xforward {
    const char *name, *address, *port;
    const char *protocol, *helo, *ident, *source;
};

/* The set of attributes in the server's answer to EHLO: "NAME ADDR PROTO HELO". */
unsigned xforward_offered(struct str rest);

enum { XFORWARD_COMMANDS = 2 }; /* so many, that none is too long */
/*
 * "XFORWARD NAME=... ADDR=...", the i-th of them with what is offered and known, in
 * arena; NULL when that is nothing. Values are in xtext (RFC 3461 section 4).
 */
const char *xforward_command(const struct xforward *client, unsigned offered, size_t i,
                             struct arena *arena);
/* "XFORWARD name/address", as it is called in logs. */
const char *xforward_command_name(size_t i);

#endif
