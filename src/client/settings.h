/*
 * What main.cf says to the client engine, from either family of names: smtp_*
 * or lmtp_*. Read once a process, constant afterwards.
 */
#ifndef CLIENT_SETTINGS_H
#define CLIENT_SETTINGS_H

#include "client/workarounds.h"
#include "dns/resolver.h"
#include "net/interfaces.h"

struct client_tls;
struct conf;

enum client_lookup { CLIENT_LOOKUP_NONE, CLIENT_LOOKUP_DNS, CLIENT_LOOKUP_NATIVE };
enum client_prefer { CLIENT_PREFER_ANY, CLIENT_PREFER_IPV4, CLIENT_PREFER_IPV6 };

/* ESMTP features, as offered by a server or to be left unused. */
enum client_feature {
    FEATURE_PIPELINING = 1 << 0,
    FEATURE_SIZE = 1 << 1,
    FEATURE_8BITMIME = 1 << 2,
    FEATURE_DSN = 1 << 3,
    FEATURE_SMTPUTF8 = 1 << 4,
    FEATURE_ENHANCED_CODES = 1 << 5,
    FEATURE_STARTTLS = 1 << 6,
    FEATURE_AUTH = 1 << 7,
    FEATURE_CHUNKING = 1 << 8,
    FEATURE_XFORWARD = 1 << 9,
    FEATURE_ETRN = 1 << 10,
    FEATURE_VERP = 1 << 11,
    FEATURE_VRFY = 1 << 12,
    FEATURE_XCLIENT = 1 << 13,
};

/* Time limits of the stages of a delivery, in seconds; 0 = none. */
struct client_timeouts {
    int connect, helo, xforward, mail, rcpt, data_init, data_xfer, data_done, rset, quit;
};

/* When a session is kept for the next message (client/agent.h). */
struct client_reuse {
    bool on_demand;           /* when the queue manager says that more waits */
    const char *destinations; /* match list: kept always */
    int keep_s;               /* how long an unused session is kept */
    int age_limit_s;          /* how long a session is used at all */
    int count_limit;          /* messages in one session; 0 = no limit */
};

struct session;
struct login_settings;

struct client_settings {
    void (*warn)(
        const char *text); /* what is wrong with servers; NULL = nobody listens */
    void (*note)(const char *text); /* what is worth a line in the log; likewise */
    /* a session has ended whose server broke the protocol; NULL = nobody listens, and no
     * transcript is kept */
    void (*complain)(void *owner, const struct session *session);
    void *owner; /* of complain */
    bool lmtp;
    const char *myhostname;
    const char *helo_name;
    const char *default_port; /* "smtp", "24" */
    const char *known_tcp_ports;
    int protocols; /* PROTOCOL_ bits */
    const char *relayhost;
    const char *fallback_relay;    /* nexthops; "" = none */
    const char *best_mx_transport; /* who delivers mail that would loop; "" = nobody */

    /* from a destination to its hosts */
    struct resolver *resolver;
    enum client_lookup host_lookup[2]; /* in order */
    bool use_mx;                       /* false when DNS is switched off, and for LMTP */
    bool no_dns;                       /* it is switched off */
    const char *srv_services;          /* found by SRV records first; NULL = none */
    bool srv_fallback_if_none;   /* go on as without SRV when there are no such records */
    bool srv_fallback_if_failed; /* when it cannot be found out whether there are */
    bool ignore_mx_lookup_error;
    bool defer_if_no_mx_address_found;
    bool randomize_addresses;
    bool balance_inet_protocols;
    enum client_prefer address_preference;
    int mx_address_limit;                       /* 0 = none */
    int mx_session_limit;                       /* 0 = none */
    struct interfaces own;                      /* inet_interfaces and proxy_interfaces */
    struct netaddr bind_address, bind_address6; /* NETADDR_NONE = any */
    bool bind_address_enforce;

    /* the dialogue */
    bool always_send_ehlo, never_send_ehlo;
    bool skip_5xx_greeting;
    bool skip_quit_response;
    bool quote_rfc821_envelope;
    bool send_xforward;
    bool probe_to_data;        /* address probes go on to DATA */
    unsigned discard_features; /* FEATURE_ bits of smtp_discard_ehlo_keywords */
    bool discard_silently;     /* "silent-discard" is among them */
    bool convert;              /* 8-bit content for servers that take 7 bits only */
    int line_length_limit;     /* 0 = none */
    struct client_timeouts timeout;
    bool per_request_deadline; /* they hold for a command and its reply together */
    int min_data_rate; /* bytes of content a second that prolong it; 0 = none do */
    struct login_settings *login; /* login.h; NULL = logs in nowhere */
    struct client_reuse reuse;
    struct workarounds workarounds; /* zeroed = none */
    const char *service;            /* of master.cf: "smtp", "relay" */
    struct client_tls *tls;         /* tls_policy.h; NULL = no TLS */
};

/* The bit of an EHLO keyword ("PIPELINING", any case), 0 for one we do not know. */
unsigned client_feature_bit(struct str keyword);

/* A list of keywords, as in smtp_discard_ehlo_keywords; silent: "silent-discard" is
 * there. */
void client_keywords_parse(struct str text, unsigned *ret_features, bool *ret_silent);

/* Read the family of names; what it points to lives in arena or in conf. The resolver is
 * made by the caller. */
int client_settings_read(const struct conf *conf, bool lmtp, struct resolver *resolver,
                         struct arena *arena, struct client_settings *ret,
                         struct fail *why) MUST_CHECK;

#endif
