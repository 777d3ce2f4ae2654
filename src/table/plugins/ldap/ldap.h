/* What the files of the ldap plug-in share. */
#ifndef TABLE_PLUGINS_LDAP_H
#define TABLE_PLUGINS_LDAP_H

#include "table/expansion.h"
#include "table/parameters.h"

#include <ldap.h>

enum { LDAP_BIND_NONE, LDAP_BIND_SIMPLE, LDAP_BIND_SASL };

struct ldap_choice {
    const char *word;
    int value;
};

/* Names of attributes by what is done with them, and all of them for the server. */
struct ldap_attributes {
    struct texts plain, special, terminal, leaf;
    struct texts all;
};

struct ldap {
    LDAP *ld; /* NULL = not connected */
    struct ldap_conncb on_connect;
    int64_t until_ms; /* when the present step must be over; is_late = it was not */
    bool is_late;
    struct arena *words; /* of one lookup */
    struct database_rules rules;
    struct ldap_attributes attributes;
    const char *servers; /* URLs */
    const char *search_base, *query_filter;
    const char *bind_dn, *bind_pw;
    const char *sasl_mechs, *sasl_realm, *sasl_authz_id;
    const char *tls_ca_file, *tls_ca_dir, *tls_cert, *tls_key, *tls_ciphers, *tls_random;
    int scope, bind, timeout, recursion_limit, size_limit, dereference, version,
        sasl_minssf, chase_referrals;
    bool start_tls, tls_require_cert, wants_tls;
};

/* ldap.c: words for a result code, with those of the server; returns -1. */
int ldap_failed(const struct ldap *ldap, int code, const char *what, struct fail *why);

/* deadline.c: all that ldap->ld will read and write has time limits; an LDAP result code.
 */
int ldap_deadline_watch(struct ldap *ldap);
/* The next step begins, and may take ldap->timeout. */
void ldap_deadline_set(struct ldap *ldap);

/* sasl.c: bind = sasl; an LDAP result code. */
int ldap_bind_sasl(const struct ldap *ldap);

/* --- entries.c --- */

void ldap_attributes_read(struct ldap_attributes *attributes,
                          const struct table_parameters *parameters, struct arena *arena);

struct ldap_question {
    const char *base, *filter; /* filter NULL = any */
    int scope;
    char **only; /* attributes asked for by a URL; NULL = all */
    /* A base that does not exist is no error: made from the key, or named by a group. */
    bool may_be_missing;
};

/* All that one lookup makes of the directory. */
struct ldap_walk {
    struct ldap *ldap;
    struct results *results;
    int depth;    /* of groups in groups */
    int searches; /* so far */
};

/* Neither the server's nor the connection's fault: a limit, say. */
enum { LDAP_WALK_REFUSED = -1000 };

/*
 * Search, add the values of what is found, and follow groups. LDAP_SUCCESS, or
 * LDAP_WALK_REFUSED, or another result code; why is then filled in.
 */
int ldap_walk_question(struct ldap_walk *walk, const struct ldap_question *question,
                       struct fail *why);

#endif
