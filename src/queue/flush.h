/*
 * Client of flush(8), which remembers the messages that wait for a site.
 *
 * Whether a site is one to remember is its caller's question:
 * fast_flush_domains. Used by bounce as defer (add), smtpd for ETRN (site), and
 * postqueue (site, id).
 */
#ifndef QUEUE_FLUSH_H
#define QUEUE_FLUSH_H

#include "conf/conf.h"
#include "ipc/client.h"

/* The kept connection of who adds often; for ipc_client_free. */
struct ipc_client *flush_client(const struct conf *conf);

/* The message waits for this site. */
int flush_add(struct ipc_client *flush, const char *site, const char *queue_id,
              struct fail *why) MUST_CHECK;
/* Try what waits for this site now. */
int flush_site(const struct conf *conf, const char *site, struct fail *why) MUST_CHECK;
/* Try this message now. */
int flush_id(const struct conf *conf, const char *queue_id, struct fail *why) MUST_CHECK;

#endif
