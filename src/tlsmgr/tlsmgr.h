/* What the files of tlsmgr share. */
#ifndef TLSMGR_TLSMGR_H
#define TLSMGR_TLSMGR_H

#include "conf/conf.h"
#include "ipc/messages.h"
#include "util/arena.h"

/* --- pool.c: random bytes --- */

struct pool;

/*
 * Open the source and the exchange file: before the jail, with the rights of mail_owner
 * for the file. What cannot be opened is logged, and done without: the kernel's random
 * bytes are part of all that is taken.
 */
struct pool *pool_open(const struct conf *conf, struct arena *arena);
/* Stir in what the source has. */
void pool_reseed(struct pool *pool);
/* Write to the exchange file what the next process will stir in. */
void pool_save(struct pool *pool);
void pool_take(struct pool *pool, void *p, size_t n);

/* --- tickets.c: the keys of session tickets --- */

struct tickets;

/* ticket_seconds: how long a session can be resumed. */
struct tickets *tickets_new(struct pool *pool, int ticket_seconds, struct arena *arena);
/* Keys as of now, seconds since 1970; texts in arena. */
void tickets_get(struct tickets *tickets, int64_t now, struct arena *arena,
                 struct tls_keys *ret);

/* --- sessions.c: caches --- */

struct sessions;

/* Open the caches that main.cf names: before the jail. One that cannot be opened is
 * logged, and is none. */
struct sessions *sessions_open(const struct conf *conf, struct arena *arena);
void sessions_close(struct sessions *sessions);

/* A session that is young enough, in arena; "" = there is none. -1: no such cache. */
int sessions_find(struct sessions *sessions, const struct tls_session_entry *wanted,
                  int64_t now, struct arena *arena, const char **ret,
                  struct fail *why) MUST_CHECK;
int sessions_keep(struct sessions *sessions, const struct tls_session_entry *entry,
                  int64_t now, struct arena *arena, struct fail *why) MUST_CHECK;
int sessions_forget(struct sessions *sessions, const struct tls_session_entry *entry,
                    struct fail *why) MUST_CHECK;

/* Take out what is too old, where it is time. The result: seconds until it is again; 0 =
 * never. */
int64_t sessions_clean(struct sessions *sessions, int64_t now);

#endif
