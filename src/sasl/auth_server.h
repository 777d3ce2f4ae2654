/*
 * The server's side of SASL (RFC 4422): is a client who it says it is? An implementation
 * that main.cf names is asked: Dovecot's auth service over a socket, or the Cyrus SASL
 * library, which is loaded only then.
 *
 * All that a client says is checked here before an implementation sees it: mechanisms are
 * of the letters that RFC 4422 allows, responses are base 64. What a mechanism says to
 * the client is base 64, and what it says to us is printable.
 */
#ifndef SASL_AUTH_SERVER_H
#define SASL_AUTH_SERVER_H

#include "sasl/security.h"
#include "util/arena.h"
#include "util/list.h"

#include <stdint.h>

/* As long as the process lives. */
struct auth_server_settings {
    const char *type;        /* "dovecot", "cyrus" */
    const char *path;        /* the socket; or the name of the configuration file */
    const char *config_path; /* cyrus: folders of configuration files, by ':' */
    const char *service;     /* for which one logs in: "smtp" */
    const char *realm;  /* of users that name none; "" = that of the implementation */
    const char *host;   /* our name */
    const char *plugin; /* the object with the Cyrus library's part */
    int64_t timeout_ms; /* of each answer */
    void (*warn)(const char *text); /* what the implementation has to tell; no secrets */
};

struct auth_server;

/* Before the jail: the library reads its files now. NULL with why. */
struct auth_server *auth_server_new(const struct auth_server_settings *settings,
                                    struct fail *why);
void auth_server_free(struct auth_server *server); /* NULL is fine */

/* Who wants to log in. */
struct auth_client_facts {
    const char *client_address, *server_address; /* as netaddr_text writes them */
    unsigned client_port, server_port;
    bool encrypted;    /* nobody else can listen */
    unsigned security; /* what a mechanism must be like, SECURITY_ bits */
};

/* The mechanisms that suit, in the order of the implementation; in arena. */
int auth_mechanisms(struct auth_server *server, const struct auth_client_facts *facts,
                    struct arena *arena, struct texts *ret, struct fail *why) MUST_CHECK;

enum auth_result {
    AUTH_MORE,   /* the challenge is to be sent, and its response passed on */
    AUTH_PASSED, /* it is user */
    AUTH_FAILED, /* it is not */
    AUTH_UNSURE, /* could not be found out now */
};

struct auth_answer {
    const char *challenge; /* AUTH_MORE: base 64, may be "" */
    const char *user;   /* AUTH_PASSED; else whom the client claims to be, may be NULL */
    const char *reason; /* AUTH_FAILED, AUTH_UNSURE */
};

/* One attempt to log in; from auth_begin until auth_end. Never used for a second one:
 * what a failed attempt leaves behind must not count for the next. */
struct auth {
    struct auth_server *server;
    struct auth_client_facts facts;
    struct arena *arena; /* of answers */
    void *state;         /* of the implementation */
};

/*
 * Begin with that mechanism, which is one of auth_mechanisms. initial is the initial
 * response as it came: base 64, "=" for an empty one; NULL = none.
 */
enum auth_result auth_begin(struct auth *auth, const char *mechanism,
                            const struct str *initial, struct auth_answer *ret);
/* Go on with the response to a challenge, as it came: base 64, may be empty. */
enum auth_result auth_continue(struct auth *auth, struct str response,
                               struct auth_answer *ret);
void auth_end(struct auth *auth); /* at any time */

#endif
