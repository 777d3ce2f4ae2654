/*
 * What one smtpd process knows besides its clients: configuration, open
 * tables, restriction lists, and the connections to other services.
 */
#ifndef SMTPD_SERVER_H
#define SMTPD_SERVER_H

#include "dns/client_name.h"
#include "ipc/client.h"
#include "mail/maillog.h"
#include "mail/rewrite.h"
#include "service/service.h"
#include "smtpd/content.h"
#include "table/dns_rules.h"
#include "table/site.h"

struct policy_service;
struct auth_server;
struct restriction_class;
struct restriction_list;
struct tls_server;

/* When restrictions are asked. Values index server.lists. */
enum stage {
    STAGE_CLIENT,
    STAGE_HELO,
    STAGE_SENDER,
    STAGE_RELAY,
    STAGE_RECIPIENT,
    STAGE_DATA,
    STAGE_END_OF_DATA,
    STAGE_LOCAL_REWRITE, /* local_header_rewrite_clients; decides, never refuses */
    STAGE_ETRN,
    STAGES,
};

/* The names of the client before this one: see caller.c. */
struct last_caller {
    struct netaddr peer;
    struct client_name client;
    struct arena *arena; /* of its texts; NULL = none yet */
    int64_t end_ms;      /* not believed any more from then on; 0 = there is none */
};

struct server {
    struct process *process;
    const struct conf *conf;
    struct tables *tables;
    struct match_list *mynetworks;
    struct match_list *bare_newline_exclusions;
    struct match_list *limit_exceptions;
    struct site site;
    struct maps *virtual_alias_maps;
    struct maps *canonical_maps, *recipient_canonical_maps;
    struct maps *local_recipient_maps;
    struct maps *virtual_mailbox_maps;
    struct maps *relay_recipient_maps;
    struct maps *rbl_reply_maps;
    struct maps *reject_filter_maps, *reject_footer_maps;
    struct maps *command_filter;
    struct maps *milter_maps;
    struct maps *discarded_keyword_maps; /* by address */
    struct match_list *logged_permits;   /* smtpd_log_access_permit_actions */
    struct maps *sender_login_maps;
    struct maps *sni_maps;          /* tls_server_sni_maps */
    struct maps *relay_clientcerts; /* fingerprints, for permit_tls_clientcerts */
    struct auth_server *auth;       /* NULL = nobody can log in; login.c */
    unsigned auth_security[2];      /* what mechanisms must be like: in clear, in TLS */
    struct match_list *mechanism_filter, *auth_exceptions;
    struct restriction_list *lists[STAGES];
    unsigned old_defaults;                   /* in force: old_default.c */
    struct restriction_list *new_relay_list; /* what the default would be; NULL = is */
    struct restriction_class *classes;       /* smtpd_restriction_classes */
    size_t n_classes;
    struct policy_service *policies; /* policy servers that lists have named */
    unsigned transactions;           /* so far */
    unsigned warned_of;              /* old restrictions, bit 1 << enum restriction_old */
    bool access_parents; /* in access tables a domain stands for its subdomains */
    bool wants_tls, needs_tls;
    struct tls_server *tls; /* session_tls.c; NULL = not wanted */
    unsigned told_troubles; /* notify_classes, TROUBLE_ bits */
    enum bare_newline bare_newline;
    struct texts discarded_keywords; /* of EHLO: for clients that no table has */
    struct match_list *forbidden_commands;
    struct match_list *fast_flush_domains; /* ETRN */
    struct texts noop_commands;
    bool reply_bytes[256];      /* smtpd_expansion_filter */
    struct dns_rules dns_rules; /* smtpd_dns_reply_filter */
    struct resolver *resolver;  /* with that filter: domains, exchangers, block lists */
    struct resolver *plain_resolver;    /* names of clients, addresses of hosts */
    struct match_list *backup_networks; /* permit_mx_backup_networks */
    struct hosts *hosts;
    struct last_caller last_caller;
    struct ipc_client *rewrite; /* trivial-rewrite */
    struct answers *answers;    /* of its last second */
    struct ipc_client *anvil;
    struct ipc_client *cleanup;
    struct ipc_client *verify, *probes; /* probes: cleanup, beside the client's message */
    struct rewrite_rules rules;         /* standard form of envelope addresses */
    struct maillog_style log_style;
};

/* service.h callbacks: everything that must happen as root or outside the jail comes
 * first. */
int server_before_jail(struct process *process, struct fail *why) MUST_CHECK;
int server_after_jail(struct process *process, struct fail *why) MUST_CHECK;
bool server_between(struct process *process); /* drops idle connections */
const char *server_outdated(struct process *process);

#endif
