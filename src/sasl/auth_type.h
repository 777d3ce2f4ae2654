/*
 * What an implementation of the server's side does (auth_server.h says what is wanted).
 * What it is given has been checked.
 */
#ifndef SASL_AUTH_TYPE_H
#define SASL_AUTH_TYPE_H

#include "sasl/auth_server.h"

struct auth_server {
    const struct auth_server_settings *settings;
    const struct auth_type *type;
    void *state;
};

struct auth_type {
    const char *name;
    int (*open)(struct auth_server *server, struct fail *why);
    void (*close)(struct auth_server *server);
    int (*mechanisms)(struct auth_server *server, const struct auth_client_facts *facts,
                      struct arena *arena, struct texts *ret, struct fail *why);
    /* initial is base 64; NULL = none, n = 0: an empty one */
    enum auth_result (*begin)(struct auth *auth, const char *mechanism,
                              const struct str *initial, struct auth_answer *ret);
    enum auth_result (*next)(struct auth *auth, struct str response,
                             struct auth_answer *ret);
    void (*end)(struct auth *auth); /* also after a begin that failed */
};

extern const struct auth_type auth_dovecot;

#endif
