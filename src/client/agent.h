/*
 * What smtp(8) and lmtp(8) are: a delivery agent (deliver/deliver.h) around
 * the client engine. A program of the family is a struct service with these
 * functions and nothing else.
 */
#ifndef CLIENT_AGENT_H
#define CLIENT_AGENT_H

#include "client/outgoing.h"
#include "client/session.h"
#include "deliver/copy.h"
#include "deliver/deliver.h"
#include "table/dns_rules.h"
#include "table/match.h"

/* One session that stays open after a message, for the next to the same next hop. */
struct kept_session {
    struct session *session; /* NULL = none */
    const char *nexthop;     /* as requests name it; in the session's arena */
};

struct agent {
    struct process *process;
    struct client_settings settings;
    struct tables *tables;
    struct match_list *reuse_destinations;
    struct dns_rules dns_rules;
    struct outgoing outgoing;
    unsigned front; /* COPY_ bits of the lines put in front: "flags=" in master.cf */
    bool final;     /* likewise: the mail is delivered, not relayed */
    struct arena *sessions; /* of all sessions; reset when none is left */
    struct kept_session kept;
    struct ipc_client
        *cleanup; /* for notices to the postmaster; NULL = none are wanted */
};

/* before_jail: read the settings of the family, open tables; process->state is the agent.
 */
int agent_set_up_smtp(struct process *process, struct fail *why);
int agent_set_up_lmtp(struct process *process, struct fail *why);

/* Answer the request "deliver". */
int agent_deliver(struct client *client, struct fail *why);

/* The other callbacks of service.h; between and before_exit end the kept session. */
bool agent_between(struct process *process);
const char *agent_outdated(struct process *process);
void agent_before_exit(struct process *process);

#endif
