/*
 * Which TLS a server must have: smtp_tls_security_level and its kin, or, by next hop,
 * smtp_tls_policy_maps; and whether the one that was met will do.
 */
#ifndef CLIENT_TLS_POLICY_H
#define CLIENT_TLS_POLICY_H

#include "client/route.h"
#include "tls/ciphers.h"
#include "tls/tls.h"

struct conf;
struct maps;
struct tables;

enum tls_level {
    TLS_LEVEL_NONE,
    TLS_LEVEL_MAY,         /* when the server offers it */
    TLS_LEVEL_ENCRYPT,     /* or no mail; with whomever */
    TLS_LEVEL_FINGERPRINT, /* with these keys */
    TLS_LEVEL_VERIFY,      /* with those whom an authority has named so */
    TLS_LEVEL_SECURE,      /* the same, by names that no DNS has told */
};

/* What main.cf says for all servers. */
struct client_tls {
    const struct tls_library *library;
    struct tls_context *context; /* NULL = TLS is out of order, which has been logged */
    enum tls_level level;
    const struct maps *policy_maps, *per_site;
    struct tls_grades grades;
    const char *protocols[2], *ciphers[2], *exclude[2]; /* optional, mandatory */
    struct texts match[TLS_LEVEL_SECURE + 1]; /* by level, where there is something */
    const char *server_name;                  /* SNI: "" = none, "hostname", or a name */
    bool wide;                                /* "*" stands for several labels */
    bool wrapped;                             /* TLS from the first byte on */
    bool reuse;                               /* of sessions with TLS */
    bool note_offer; /* log who offers STARTTLS where it is not used */
    int log_level, timeout_s;
    int clear_after_s; /* a message this old goes in the clear where TLS fails (may) */
};

/* What one server must have. */
struct tls_policy {
    enum tls_level level;
    struct tls_terms terms; /* without a listener */
    struct texts match;     /* names, patterns or fingerprints */
    bool reuse;
};

/*
 * Read the family of names and, when TLS is used at all, keys and certificates: before
 * the jail. ret->tls stays NULL when TLS is not used.
 */
int client_tls_read(const struct conf *conf, bool lmtp, struct tables *tables,
                    struct arena *arena, struct client_settings *ret,
                    struct fail *why) MUST_CHECK;

/*
 * The policy for a host of a destination, in arena. -1: what is configured cannot be, of
 * which settings->warn has heard; mail waits until it is repaired.
 */
int tls_policy_find(const struct client_settings *settings,
                    const struct destination *destination, const struct route_host *host,
                    struct arena *arena, struct tls_policy *ret) MUST_CHECK;

/* The policy for mail whose sender has waived TLS: it is welcome, and nothing more. */
void tls_policy_waive(const struct client_tls *tls, struct arena *arena,
                      struct tls_policy *ret);

/*
 * Say which sessions may be resumed under this policy: those of the same service, next
 * hop, host and address, made under the same level with the same names to match.
 */
void tls_policy_name_session(struct tls_policy *policy, const char *service,
                             const struct destination *destination,
                             const struct route_host *host, struct arena *arena);

/* Is this the server that the policy wants? NULL, or why not. */
const char *tls_policy_refuses(const struct tls_policy *policy,
                               const struct tls_facts *facts, bool wide);

/* For tests: the policy that a value of smtp_tls_policy_maps stands for. */
int tls_policy_parse(struct str value, const struct client_tls *tls, struct arena *arena,
                     struct tls_policy *ret, struct fail *why) MUST_CHECK;

#endif
