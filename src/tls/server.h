/*
 * The TLS that a service offers to its clients: what one family of parameters says
 * (smtpd_tls_*, tlsproxy_tls_*) and what tls_* say for all, made into a context and the
 * terms of sessions.
 */
#ifndef TLS_SERVER_H
#define TLS_SERVER_H

#include "tls/tls.h"

struct conf;

/* One family, in the words of main.cf. */
struct tls_server_words {
    const char *chain_files, *cert_file, *key_file, *dcert_file, *dkey_file;
    const char *eccert_file, *eckey_file, *CAfile, *CApath;
    const char *dh1024_param_file, *fingerprint_digest, *loglevel;
    const char *protocols, *mandatory_protocols;
    const char *ciphers, *mandatory_ciphers;
    const char *exclude_ciphers, *mandatory_exclude_ciphers;
    bool ask_ccert, req_ccert;
    int ccert_verifydepth;
};

enum tls_server_level { TLS_SERVER_NONE, TLS_SERVER_MAY, TLS_SERVER_ENCRYPT };

/* What stands in param; without it, the two words that it takes the place of. */
int tls_server_level(const char *param, const char *value, bool use, bool enforce,
                     enum tls_server_level *ret, struct fail *why) MUST_CHECK;

struct tls_server {
    const struct tls_library *library;
    struct tls_context *context;
    struct tls_protocols protocols;
    const char *ciphers; /* NULL = what main.cf says of them is wrong */
    struct fail ciphers_trouble;
    int log_level;
    const struct tls_keeper *keeper; /* may be set before tls_server_open */
    bool mandatory;     /* sessions must be encrypted: the stricter choices */
    bool asks, demands; /* certificates of clients */
};

/* The first part of it, which cannot fail: what is to be logged, what is asked for. */
void tls_server_read(const struct tls_server_words *words, bool mandatory,
                     struct tls_server *ret);

/*
 * Load the plug-in, keys and certificates: before the jail. session_context: sessions of
 * another one are not resumed. All lives in arena. ret has gone through
 * tls_server_read; without a context after a failure.
 */
int tls_server_open(const struct conf *conf, const struct tls_server_words *words,
                    const char *session_context, struct arena *arena,
                    struct tls_server *ret, struct fail *why) MUST_CHECK;

#endif
