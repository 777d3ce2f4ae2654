/* What the files of tlsproxy share. */
#ifndef TLSPROXY_TLSPROXY_H
#define TLSPROXY_TLSPROXY_H

#include "ipc/messages.h"
#include "service/service.h"
#include "table/maps.h"
#include "tls/server.h"

/* The process. */
struct proxy {
    struct process *process;
    struct tables *tables;
    const struct maps *sni_maps;
    bool offers;                 /* TLS at all */
    struct tls_server server[2]; /* optional, mandatory */
    struct tls_keeper keeper;
    struct tickets *tickets; /* NULL = there are none */
};

/* --- settings.c --- */

/* Read tlsproxy_tls_* and postscreen_tls_*, with keys and certificates: before the jail.
 * -1: main.cf cannot be. Keys that cannot be used are logged; then nobody gets TLS. */
int proxy_settings(struct proxy *proxy, struct fail *why) MUST_CHECK;

/* --- tickets.c --- */

/* What the plug-in is given: before the jail. */
void tickets_set_up(struct proxy *proxy, struct tls_keeper *ret);
/* Ask tlsmgr for keys, now and when they are to be changed. */
void tickets_start(struct tickets *tickets);

/* --- session.c --- */

struct session;

/* A peer is there, peer_fd becomes the session's: it waits for its other end. NULL: the
 * peer is let go, and the log says why. */
struct session *session_new(struct proxy *proxy, const struct tlsproxy_begin *begin,
                            int peer_fd);
/* local_fd, non-blocking, becomes the session's; rest came over it already. From now on
 * it lives by itself, and lets go of the process when it ends. */
void session_go(struct session *session, int local_fd, struct str rest);
/* One that has not gone yet. */
void session_drop(struct session *session);

#endif
