/*
 * Logins that servers have refused (smtp_sasl_auth_cache_name): a wrong password is not
 * tried again and again, which may lock the account.
 */
#ifndef CLIENT_LOGIN_CACHE_H
#define CLIENT_LOGIN_CACHE_H

#include "mail/status.h"
#include "util/arena.h"
#include "util/fail.h"

#include <time.h>

struct conf;
struct login_cache;

/* Before the jail. *ret is NULL when main.cf wants none. */
int login_cache_new(const struct conf *conf, bool lmtp, struct arena *arena,
                    struct login_cache **ret, struct fail *why) MUST_CHECK;
void login_cache_free(struct login_cache *cache); /* NULL is fine */

/* A login, and what was said to it. */
struct login_entry {
    const char *server, *user;
    struct str password;
    char status[STATUS_MAX]; /* "5.7.8" */
    const char *text;        /* "535 5.7.8 no", on one line */
};

/*
 * Has this login been refused lately, with this password? 1 = yes, with status and text
 * filled in (in arena), 0 = no, -1 = could not find out: it is tried.
 */
int login_cache_find(struct login_cache *cache, time_t now, struct arena *arena,
                     struct login_entry *entry, struct fail *why) MUST_CHECK;
int login_cache_add(struct login_cache *cache, time_t now, struct arena *arena,
                    const struct login_entry *entry, struct fail *why) MUST_CHECK;

#endif
