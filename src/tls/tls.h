/*
 * TLS (RFC 8446, RFC 5246) on a stream.
 *
 * OpenSSL is in a plug-in, postfix-tls.so, which only processes load whose configuration
 * uses TLS: tls_load, before the jail. What can be decided without OpenSSL is decided by
 * its callers, with the help of the other files of this folder: which protocols and
 * ciphers, whether a certificate is the one that was wanted, what the log says.
 */
#ifndef TLS_TLS_H
#define TLS_TLS_H

#include "tls/protocols.h"
#include "util/list.h"
#include "util/stream.h"

struct tls_context; /* the plug-in's: keys, authorities and options of one role */
struct tls_session; /* the plug-in's: one connection */

/* What the plug-in has to say. */
struct tls_listener {
    void (*note)(void *context, const char *text);    /* for the log, at higher levels */
    void (*problem)(void *context, const char *text); /* a failure inside OpenSSL */
    void *context;
};

/* A certificate chain and its key, PEM files; empty = none. */
struct tls_pair {
    const char *kind; /* "RSA", for words to people */
    const char *cert_file, *key_file;
};
enum { TLS_PAIRS = 3 };

/* A key of session tickets (RFC 5077). */
struct tls_ticket_key {
    unsigned char name[16];
    unsigned char secret[32]; /* of the cipher, which takes as much as it needs ... */
    unsigned char mac[32];    /* ... and of HMAC-SHA256 */
    int64_t expires;          /* seconds since 1970: then no ticket is good any more */
};

/* What outlives a process: kept by the host. Functions may be NULL: there is none. */
struct tls_keeper {
    /* The key of that name; name NULL = the one for new tickets. NULL = there is none. It
     * lives until the next call. */
    const struct tls_ticket_key *(*ticket_key)(void *context, const unsigned char *name);
    /* Sessions, by a printable text of at most TLS_SESSION_KEY bytes. */
    bool (*find)(void *context, const char *key, struct buf *ret);
    void (*keep)(void *context, const char *key, struct str session);
    void (*forget)(void *context, const char *key);
    const char *cache; /* what it is called in the log: "smtpd" */
    void *context;
};
enum { TLS_SESSION_KEY = 400, TLS_SESSION_MAX = 32768 };

/* What holds for all sessions of a role, as main.cf says it. */
struct tls_settings {
    bool is_server;
    struct texts
        chain_files; /* each: key, chain, key, chain ...; then pairs are unused */
    struct tls_pair pairs[TLS_PAIRS];
    bool is_anonymous; /* a server that is to have no certificate at all */
    const char *CAfile, *CApath;
    bool append_default_CA;
    bool ask_certificate; /* a server, of its clients */
    bool trust_server_ccerts;
    int verify_depth;
    const char *dh_file;             /* "" or "auto": built in */
    struct texts groups;             /* for key exchange, the preferred first */
    const char *digest;              /* of fingerprints */
    const char *session_context;     /* sessions of another one are not resumed here */
    int ticket_seconds;              /* 0 = no session can be resumed */
    const char *ticket_cipher;       /* a server: OpenSSL's name; "" = no tickets */
    const struct tls_keeper *keeper; /* NULL = tickets of this process only */
    bool prefer_own_ciphers;
    bool slow_shutdown;         /* hear the peer's last word before the end */
    struct texts options;       /* tls_ssl_options */
    struct texts workarounds;   /* that are not wanted: tls_disable_workarounds */
    const char *config_file;    /* of OpenSSL: "default", "none" or a path ... */
    const char *config_section; /* ... and whose part of it */
};

/* What holds for one session. */
struct tls_terms {
    struct tls_protocols protocols;
    const char *ciphers;         /* up to TLSv1.2, in OpenSSL's words */
    const char *server_name;     /* a client says it (SNI); NULL = nothing */
    const char *session_context; /* NULL = that of the settings */
    /* A client: with whom, and on what terms. Only sessions in which all of it was the
     * same are resumed. NULL = none. */
    const char *resume_peer, *resume_terms;
    /* TLS is spoken from the first byte on: what is buffered is part of it. Else nobody
     * knows who said it, and it is dropped (CVE-2011-0411). */
    bool takes_buffered;
    int log_level;
    struct tls_listener listener;
    /*
     * A server: the key and chain (PEM, as in a chain file) for the name that the client
     * asks for, as it was written: letters, digits, "-", "_" and ".". 1; 0 = those of the
     * context; -1 = the handshake fails, and the reason has been told. NULL = always
     * those of the context.
     */
    int (*find_chain)(void *context, const char *server_name, struct str *ret);
};

/* Texts are printable, live in the arena of the session, and are "" when not known. */
struct tls_facts {
    const char *protocol, *cipher; /* "TLSv1.3", "TLS_AES_256_GCM_SHA384" */
    int used_bits, cipher_bits;
    const char
        *key_exchange; /* "X25519", "ECDHE (P-256)"; TLSv1.3 only, as what follows */
    const char *server_signature, *server_digest; /* "RSA-PSS (2048 bits)", "SHA256" */
    const char *client_signature, *client_digest;
    bool is_resumed;
    bool has_certificate; /* the peer ... */
    bool is_trusted;      /* ... from an authority that is trusted */
    const char *why_not;  /* a reason, when it is not trusted */
    const char *subject_cn, *issuer_cn;
    const char *fingerprint, *key_fingerprint; /* "AB:CD:..." */
    struct texts names;                        /* that the certificate is for, DNS */
    const char *server_name; /* that the client has asked for (SNI) ... */
    bool has_server_name;    /* ... and for which there was a chain */
};

enum tls_result {
    TLS_DONE,
    TLS_LOST,    /* the peer hung up */
    TLS_TIMEOUT, /* the time limit of the stream passed */
    TLS_FAILED,  /* they could not agree; the listener has heard why */
};

/* How far a call came that does not wait. */
enum tls_step {
    TLS_STEP_DONE,  /* some of it, at least */
    TLS_STEP_READ,  /* nothing, until the descriptor can be read ... */
    TLS_STEP_WRITE, /* ... or written; then the same call is to be made again */
    TLS_STEP_END,   /* the peer has said that no more comes, or hung up */
    TLS_STEP_FAILED /* the session is of no use; the listener has heard why */
};

/* What the plug-in does. */
struct tls_library {
    const char *version; /* PLUGIN_VERSION: of the headers that it was made with */

    /* Read certificates and keys. NULL with why. What the settings point to lives as long
     * as the context. */
    struct tls_context *(*context_new)(const struct tls_settings *settings,
                                       struct arena *arena, struct fail *why);
    /* When no session of it is left; NULL is fine. Most live as long as the process. */
    void (*context_free)(struct tls_context *context);

    /*
     * Shake hands on a stream, within its limits, and have all that it carries from now
     * on encrypted. After any result but TLS_DONE the
     * stream is good for nothing but stream_free. It may end by stream_free in any
     * case; facts and what they point to live in arena.
     */
    enum tls_result (*start)(struct tls_context *context, struct stream *stream,
                             const struct tls_terms *terms, struct arena *arena,
                             struct tls_facts *ret);

    /*
     * The same for programs that never wait, on a non-blocking descriptor, which stays
     * the caller's. NULL: the listener has heard why. What terms point to lives as long
     * as the session.
     */
    struct tls_session *(*open)(struct tls_context *context, int fd,
                                const struct tls_terms *terms);
    enum tls_step (*shake)(struct tls_session *session, struct arena *arena,
                           struct tls_facts *ret);
    /* After the handshake: move what can be moved, *ret bytes with TLS_STEP_DONE. */
    enum tls_step (*read)(struct tls_session *session, void *p, size_t n, size_t *ret);
    enum tls_step (*write)(struct tls_session *session, const void *p, size_t n,
                           size_t *ret);
    /* Say that no more comes: once all is written. */
    enum tls_step (*goodbye)(struct tls_session *session);
    void (*close)(struct tls_session *session);
};
#define TLS_LIBRARY_SYMBOL "postern_tls_library"

/* The plug-in in that folder. NULL with why. */
const struct tls_library *tls_load(const char *shlib_directory, struct arena *arena,
                                   struct fail *why);

/*
 * "TLSv1.3 with cipher X (256/256 bits) key-exchange X25519 server-signature ...", or, in
 * parts for a Received: header, at "\n".
 */
void tls_describe(const struct tls_facts *facts, struct buf *out);
void tls_describe_lines(const struct tls_facts *facts, struct buf *out);
/* smtpd_tls_loglevel and its kin: the number; the words that may follow are skipped. */
int tls_log_level(const char *value);
/* The log's word for a client: "Anonymous", "Trusted", "Untrusted". */
const char *tls_trust_of_client(const struct tls_facts *facts);

#endif
