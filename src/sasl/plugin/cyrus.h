/* What the server's and the client's part of the plug-in share. */
#ifndef SASL_PLUGIN_CYRUS_H
#define SASL_PLUGIN_CYRUS_H

#include "sasl/auth_client.h"
#include "sasl/auth_type.h"

#include <sasl/sasl.h>

/* Who hears of the library's messages, and where it looks for its configuration files. As
 * long as the process: the library keeps it. */
struct cyrus {
    const char *config_path; /* folders, by ':'; NULL = those of the library */
    void (*warn)(const char *text);
    sasl_callback_t callbacks[3];
};

void cyrus_init(struct cyrus *cyrus, const char *folders, void (*warn)(const char *text));

/* The security bits, in the library's form, to be set for a connection. 0 or its code. */
int cyrus_set_security(sasl_conn_t *connection, unsigned security);

/* "192.0.2.1;25", as the library wants it; in arena. NULL when there is no address. */
const char *cyrus_address(const char *address, unsigned port, struct arena *arena);

/* The library's table has one type for functions of many; it knows which is which. */
#define CYRUS_PROC(function) ((int (*)(void))(void (*)(void))(function))

extern const struct auth_type auth_cyrus;
extern const struct auth_client_type auth_cyrus_client;

#endif
