/*
 * Tables that take their settings from main.cf.
 *
 * compat: "ldap:acc" may stand without a file; it is then set up by main.cf
 * parameters that begin with its name, acc_server_host and so on. Only the
 * names matter here, so that postconf does not call them unused.
 */
#include "commands/postconf/postconf.h"

#include <string.h>

#define SQL                                                                              \
    "hosts user password dbname query domain result_format expansion_limit table "       \
    "select_field where_field additional_conditions select_function "

static const struct {
    const char *type;
    const char *suffixes; /* each followed by a blank */
} tables[] = {
    {"ldap:",
     "server_host server_port search_base timeout query_filter result_format "
     "result_filter domain result_attribute special_result_attribute "
     "leaf_result_attribute terminal_result_attribute scope bind bind_dn bind_pw "
     "cache cache_expiry cache_size recursion_limit expansion_limit size_limit "
     "dereference chase_referrals debuglevel version start_tls tls_ca_cert_file "
     "tls_ca_cert_dir tls_cert tls_key tls_require_cert tls_random_file "
     "tls_cipher_suite sasl_mechs sasl_realm sasl_authz_id sasl_minssf "},
    {"mysql:", SQL "option_file option_group tls_cert_file tls_key_file tls_CAfile "
                   "tls_CApath tls_ciphers tls_verify_cert require_result_set charset "
                   "idle_interval retry_interval "},
    {"pgsql:", SQL "encoding idle_interval retry_interval "},
    {"sqlite:",
     "dbpath query result_format expansion_limit domain table select_field where_field "
     "additional_conditions "},
    {"memcache:", "memcache backup flags ttl domain key_format line_size_limit "
                  "data_size_limit max_try retry_pause timeout "},
};

static bool has_suffix(const char *suffixes, struct str suffix)
{
    struct str rest = str_of(suffixes), word;

    while ((word = str_word(&rest, " ")).n > 0)
        if (str_eq(word, suffix))
            return true;
    return false;
}

/* Is name = source + "_" + one of suffixes? */
static bool belongs_to(struct str source, const char *suffixes, struct str name)
{
    return name.n > source.n + 1 && name.p[source.n] == '_' &&
           str_eq(str_head(name, source.n), source) &&
           has_suffix(suffixes, str_tail(name, source.n + 1));
}

bool table_settings_have(const char *value, struct str name)
{
    struct str rest = str_of(value), word;

    while ((word = str_word(&rest, ", \t\r\n{}")).n > 0) {
        if (str_starts(word, "proxy:"))
            word = str_tail(word, strlen("proxy:"));
        for (size_t i = 0; i < COUNT(tables); i++)
            if (str_starts(word, tables[i].type) &&
                belongs_to(str_tail(word, strlen(tables[i].type)), tables[i].suffixes,
                           name))
                return true;
    }
    return false;
}
