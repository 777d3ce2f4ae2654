/*
 * Tables that are set up by settings of their own, such as ldap:/etc/x.cf.
 *
 * Only the names of these settings matter here, to find the ones that nobody
 * uses. compat: "ldap:acc" may stand without a file; then main.cf holds its
 * settings, acc_server_host and so on.
 */
#include "commands/postconf/postconf.h"
#include "util/log.h"

#include <errno.h>
#include <string.h>

#define SEPARATORS ", \t\r\n{}"

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

/* The next table of *rest that has settings; *ret_type is its row, *ret_source what
 * follows. */
static bool next_source(struct str *rest, size_t *ret_type, struct str *ret_source)
{
    struct str word;

    while ((word = str_word(rest, SEPARATORS)).n > 0) {
        if (str_starts(word, "proxy:"))
            word = str_tail(word, strlen("proxy:"));
        for (size_t i = 0; i < COUNT(tables); i++)
            if (str_starts(word, tables[i].type)) {
                *ret_type = i;
                *ret_source = str_tail(word, strlen(tables[i].type));
                return true;
            }
    }
    return false;
}

bool source_uses(const char *value, struct str name)
{
    struct str rest = str_of(value), source;
    size_t type;

    while (next_source(&rest, &type, &source))
        if (belongs_to(source, tables[type].suffixes, name))
            return true;
    return false;
}

/* Settings of the file at path that no table of this type knows. */
static void check_file(struct run *run, const char *kind, size_t type, const char *path)
{
    struct settings settings = {0};
    struct texts warnings = {0};
    struct fail why = {0};

    if (settings_read(path, run->command.arena, &settings, &warnings, &why) < 0) {
        if (why.code)
            log_warning("open \"%s\" configuration \"%s\": %s", kind, path,
                        strerror(why.code));
        else
            log_warning("%s", why.text);
        return;
    }
    for (size_t i = 0; i < settings.n; i++)
        if (!has_suffix(tables[type].suffixes, str_of(settings.items[i].name)))
            log_warning("%s%s: unused parameter: %s=%s", tables[type].type, path,
                        settings.items[i].name, settings.items[i].value);
}

void source_check_files(struct run *run, const char *value)
{
    struct arena *arena = run->command.arena;
    struct str rest = str_of(value), source;
    size_t type;

    while (!run->given['q'] && next_source(&rest, &type, &source)) {
        const char *path = arena_copy_str(arena, source);
        const char *table = arena_printf(arena, "%s%s", tables[type].type, path);
        struct str kind = str_of(tables[type].type);

        if (*path == '/' && map_set(run->names.referred, str_of(table), run) == NULL)
            check_file(run, arena_copy_str(arena, str_head(kind, kind.n - 1)), type,
                       path);
    }
}
