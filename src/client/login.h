/*
 * Logging in to servers (RFC 4954): with which name and password, by which mechanism, and
 * what it means for the mail when the server does not let us in.
 */
#ifndef CLIENT_LOGIN_H
#define CLIENT_LOGIN_H

#include "client/login_cache.h"
#include "client/session.h"
#include "sasl/auth_client.h"
#include "table/address_maps.h"
#include "table/match.h"

struct tables;

/* The smtp_sasl_* or lmtp_sasl_* parameters. */
struct login_settings {
    struct auth_client client;
    struct auth_client_settings library;
    struct maps *passwords;
    const struct address_rules *rules;   /* how senders are looked up there */
    bool by_sender;                      /* senders first */
    const char *delimiter;               /* between user and password */
    struct match_list *mechanism_filter; /* empty = all */
    unsigned security[3];                /* in the clear, in TLS, with a proven server */
    struct login_cache *cache;           /* NULL = none */
    bool soft_bounce;                    /* a refusal is one for now */
    bool dummy_sender;                   /* say AUTH=<> in MAIL */
};

/* Before the jail. *ret is NULL when the client logs in nowhere; else rules and
 * library.warn are for the caller to fill in. */
int login_set_up(const struct conf *conf, bool lmtp, struct tables *tables,
                 struct arena *arena, struct login_settings **ret,
                 struct fail *why) MUST_CHECK;

/* What EHLO says behind AUTH: " PLAIN LOGIN", "=PLAIN LOGIN". */
void login_note_offer(struct session *session, struct str offer);

/* Who a password is for: one of them is enough. */
struct login_peer {
    const char *host;    /* the server's name */
    const char *nexthop; /* as written */
    const char *sender;  /* "" = none */
};

/* Is there a password, or is that not known? login may be NULL. */
bool login_has_password(const struct login_settings *login,
                        const struct login_peer *peer);

/*
 * Log in, when main.cf has a password for this server and it offers AUTH. On SESSION_FINE
 * mail can be sent; else *ret_failure is the outcome for recipients that no other host
 * takes. sender: of the message at hand, "" = none.
 */
enum session_end login_say(struct session *session, const struct destination *destination,
                           const char *sender, struct outcome *ret_failure);

#endif
