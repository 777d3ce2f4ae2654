/*
 * The object postfix-sasl.so: what needs the Cyrus SASL library, loaded by those who use
 * it (util/object.h), and the same for the server's and the client's side.
 */
#ifndef SASL_SASL_PLUGIN_H
#define SASL_SASL_PLUGIN_H

#include "sasl/auth_client.h"
#include "sasl/auth_type.h"

struct sasl_plugin {
    const char *version; /* PLUGIN_VERSION of what it was compiled with */
    const struct auth_type *server;
    const struct auth_client_type *client;
};

#define SASL_PLUGIN_SYMBOL "postern_sasl_plugin"

/* The object at path. NULL with why. */
const struct sasl_plugin *sasl_plugin_load(const char *path, struct fail *why);

#endif
