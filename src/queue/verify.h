/*
 * Client of verify(8), which remembers whether addresses can be delivered to, and the
 * probes by which that is found out: mail without a word, for which delivery agents do
 * all but deliver.
 *
 * Who asks sends the probe (smtpd); who deals with the probe tells verify what it met
 * (delivery agents, cleanup).
 */
#ifndef QUEUE_VERIFY_H
#define QUEUE_VERIFY_H

#include "conf/conf.h"
#include "ipc/client.h"
#include "ipc/messages.h"

#include <time.h>

/* A connection to verify; for ipc_client_free. */
struct ipc_client *verify_client(const struct conf *conf);

/* What is known about an address; texts in arena. */
int verify_ask(struct ipc_client *verify, const char *address, struct arena *arena,
               struct verify_answer *ret, struct fail *why) MUST_CHECK;
/* A probe for address has met this. */
int verify_tell(struct ipc_client *verify, const char *address, enum verify_status status,
                const char *text, struct fail *why) MUST_CHECK;

/*
 * The sender of probes in the period that now lies in, or so many periods before it: with
 * address_verify_sender_ttl it changes, so that a list of it is of no use for long.
 * internal: address_verify_sender in standard form. In arena.
 */
const char *verify_sender(const char *internal, int ttl, time_t now, int periods_ago,
                          struct arena *arena);

/* Send a probe, over a connection to cleanup. */
int verify_probe(struct ipc_client *cleanup, const struct conf *conf, const char *sender,
                 const char *address, struct arena *arena, struct fail *why) MUST_CHECK;

#endif
