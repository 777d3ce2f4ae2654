/*
 * The client's side of SASL (RFC 4422): proving to a server who we are, by the Cyrus SASL
 * library, which is loaded for it (sasl_plugin.h). All that goes out and comes in is
 * base 64, as SMTP has it (RFC 4954).
 */
#ifndef SASL_AUTH_CLIENT_H
#define SASL_AUTH_CLIENT_H

#include "sasl/security.h"
#include "util/arena.h"
#include "util/buf.h"

/* As long as the process lives. */
struct auth_client_settings {
    const char *type;        /* "cyrus" */
    const char *config_path; /* folders of configuration files, by ':'; NULL = usual */
    const char *plugin;      /* the object with the library's part */
    bool send_authzid;       /* say also as whom we want to act: as ourselves */
    void (*warn)(const char *text); /* what the library has to tell; no secrets */
};

struct auth_client {
    const struct auth_client_settings *settings;
    const struct auth_client_type *type;
    void *state;
};

/* Before the jail. */
int auth_client_init(struct auth_client *ret, const struct auth_client_settings *settings,
                     struct fail *why) MUST_CHECK;

/* One attempt; from auth_login_begin until auth_login_end. */
struct auth_login {
    const char *service;    /* "smtp", "lmtp" */
    const char *server;     /* its name */
    const char *user;       /* until the end; the caller clears it ... */
    struct str password;    /* ... and this */
    const char *mechanisms; /* those of the server, by blanks */
    unsigned security;      /* what one must be like, SECURITY_ bits */
    void *state;            /* of the implementation */
};

enum { AUTH_RESPONSE_MAX = 12288 }; /* bytes of a response, encoded: RFC 4954 section 4 */

/*
 * Choose a mechanism: *ret_mechanism, as long as the attempt. When it begins with a
 * response, that is added to initial, "=" for an empty one. Both bufs are to be wiped.
 */
int auth_login_begin(struct auth_client *client, struct auth_login *login,
                     const char **ret_mechanism, struct buf *initial,
                     struct fail *why) MUST_CHECK;
/* The response to a challenge, which is what the server said behind 334. */
int auth_login_answer(struct auth_client *client, struct auth_login *login,
                      struct str challenge, struct buf *response,
                      struct fail *why) MUST_CHECK;
void auth_login_end(struct auth_client *client, struct auth_login *login);

/* What the implementation does, with challenges that are base 64; an empty response adds
 * nothing. */
struct auth_client_type {
    int (*open)(struct auth_client *client, struct fail *why);
    int (*begin)(struct auth_client *client, struct auth_login *login,
                 const char **ret_mechanism, struct buf *initial, bool *ret_has_initial,
                 struct fail *why);
    int (*answer)(struct auth_login *login, struct str challenge, struct buf *response,
                  struct fail *why);
    void (*end)(struct auth_login *login);
};

#endif
