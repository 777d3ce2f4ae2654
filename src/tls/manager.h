/*
 * The client of tlsmgr(8), which keeps what processes with TLS share: keys of session
 * tickets, and sessions. Without tlsmgr all goes on: tickets are under keys of this
 * process then, and sessions are made anew.
 */
#ifndef TLS_MANAGER_H
#define TLS_MANAGER_H

#include "ipc/messages.h"
#include "tls/tls.h"

struct conf;
struct tls_manager;

/*
 * service: of master.cf, whose sessions they are; ticket_seconds: how long one can be
 * resumed. Nothing is connected before there is something to ask. warn hears of it when
 * tlsmgr cannot be asked. Lives in arena.
 */
struct tls_manager *tls_manager_new(const struct conf *conf, const char *service,
                                    int ticket_seconds, void (*warn)(const char *text),
                                    struct arena *arena);

/* Most live as long as the process. */
void tls_manager_free(struct tls_manager *manager);

/* What the plug-in is given. with_keys: a server's; cache: where sessions are, "smtpd";
 * NULL = nowhere. */
void tls_manager_keeper(struct tls_manager *manager, bool with_keys, const char *cache,
                        struct tls_keeper *ret);

/* For those who ask tlsmgr by themselves, without waiting: never ask from here, and take
 * what it has answered. -1: that were no keys. */
void tls_manager_is_fed(struct tls_manager *manager);
int tls_manager_take(struct tls_manager *manager, const struct tls_keys *keys,
                     struct fail *why) MUST_CHECK;

/* The keys in the form of messages; in arena. */
const char *tls_ticket_key_text(const struct tls_ticket_key *key, struct arena *arena);
bool tls_ticket_key_parse(const char *text, struct tls_ticket_key *ret) MUST_CHECK;

#endif
