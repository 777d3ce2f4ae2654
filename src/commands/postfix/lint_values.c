/*
 * Values: the type and range of each parameter that is set, and the files that it names.
 */
#include "commands/postfix/lint.h"

#include "conf/environment.h"
#include "conf/identity.h"
#include "conf/state.h"
#include "conf/value.h"
#include "net/cidr.h"
#include "table/words.h"
#include "tls/ciphers.h"
#include "tls/protocols.h"
#include "util/ids.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SEPARATORS     ", \t\r\n"
#define SCREEN_ACTIONS "ignore enforce drop"
#define SECURITY_WORDS                                                                   \
    "noplaintext noactive nodictionary noanonymous forward_secrecy mutual_auth"

/* Parameters that take one of some words, or a list of them. */
static const struct {
    const char *param, *words;
} choices[] = {
    {"inet_protocols", "all ipv4 ipv6"},
    {"mynetworks_style", "host subnet class"},
    {"info_log_address_format", "external internal"},
    {"maillog_file_permissions", "0600 0640 0644"},
    {"milter_default_action", "accept reject tempfail quarantine shutdown"},
    {"header_from_format", "standard obsolete"},
    {"smtpd_tls_security_level", "none may encrypt"},
    {"smtp_tls_security_level",
     "none may encrypt dane dane-only fingerprint verify secure"},
    {"lmtp_tls_security_level",
     "none may encrypt dane dane-only fingerprint verify secure"},
    {"smtpd_tls_auth_only", "yes no"},
    {"smtpd_sasl_type", "cyrus dovecot"},
    {"smtp_sasl_type", "cyrus"},
    {"lmtp_sasl_type", "cyrus"},
    {"smtpd_sasl_security_options", SECURITY_WORDS},
    {"smtpd_sasl_tls_security_options", SECURITY_WORDS},
    {"smtp_sasl_security_options", SECURITY_WORDS},
    {"smtp_sasl_tls_security_options", SECURITY_WORDS},
    {"smtp_sasl_tls_verified_security_options", SECURITY_WORDS},
    {"lmtp_sasl_security_options", SECURITY_WORDS},
    {"lmtp_sasl_tls_security_options", SECURITY_WORDS},
    {"lmtp_sasl_tls_verified_security_options", SECURITY_WORDS},
    {"smtp_address_preference", "any ipv4 ipv6"},
    {"smtp_host_lookup", "dns native"},
    {"lmtp_host_lookup", "dns native"},
    {"smtp_dns_support_level", "disabled enabled dnssec"},
    {"smtp_address_verify_target", "rcpt data"},
    {"smtpd_upstream_proxy_protocol", "haproxy"},
    {"postscreen_upstream_proxy_protocol", "haproxy"},
    {"postscreen_denylist_action", SCREEN_ACTIONS},
    {"postscreen_blacklist_action", SCREEN_ACTIONS},
    {"postscreen_greet_action", SCREEN_ACTIONS},
    {"postscreen_dnsbl_action", SCREEN_ACTIONS},
    {"postscreen_pipelining_action", SCREEN_ACTIONS},
    {"postscreen_non_smtp_command_action", SCREEN_ACTIONS},
    {"postscreen_bare_newline_action", SCREEN_ACTIONS},
    {"postscreen_tls_security_level", "none may encrypt"},
    {"reject_tempfail_action", "defer defer_if_permit"},
    {"unverified_recipient_tempfail_action", "defer defer_if_permit"},
    {"unverified_sender_tempfail_action", "defer defer_if_permit"},
    {"notify_classes", "bounce 2bounce data delay policy protocol resource software"},
    {"hash_queue_names", "active bounce corrupt defer deferred flush hold incoming "
                         "maildrop saved trace"},
    {"mailbox_delivery_lock", "fcntl flock dotlock"},
    {"virtual_mailbox_lock", "fcntl flock dotlock"},
    {"allow_mail_to_commands", "alias forward include"},
    {"allow_mail_to_files", "alias forward include"},
};

static bool is_one_of(struct str word, const char *words, struct nearest *nearest,
                      struct arena *arena)
{
    struct str rest = str_of(words), candidate;

    while ((candidate = str_word(&rest, " ")).n > 0) {
        if (str_eq_nocase(candidate, word))
            return true;
        nearest_try(nearest, arena_copy_str(arena, candidate));
    }
    return false;
}

static void check_choice(const struct scope *scope, const char *name, const char *words)
{
    struct arena *arena = scope->lint->arena;
    struct str rest = str_of(scope_text(scope, name)), word;

    while ((word = str_word(&rest, SEPARATORS)).n > 0) {
        struct nearest nearest = nearest_to(word);

        if (!is_one_of(word, words, &nearest, arena))
            lint_error(scope->lint, scope_word(scope, name, word, 0),
                       "%s: \"%.*s\" is none of: %s%s", name, STR_ARG(word), words,
                       nearest_words(&nearest, arena));
    }
}

/* --- files ------------------------------------------------------------------------- */

/* Paths that the mail system makes, or that may be missing. */
static const char *const may_be_missing[] = {
    "home_mailbox",         "maillog_file",
    "data_directory",       "queue_directory",
    "process_id_directory", "tls_random_exchange_name",
    "tls_random_source",    "html_directory",
    "readme_directory",     "manpage_directory",
    "sample_directory",     "shlib_directory",
    "openssl_path",         "cyrus_sasl_config_path",
    "meta_directory",       "newaliases_path",
    "mailq_path",           "sendmail_path",
};

static void check_file(const struct scope *scope, const char *name, const char *path)
{
    for (size_t i = 0; i < COUNT(may_be_missing); i++)
        if (strcmp(name, may_be_missing[i]) == 0)
            return;
    if (*path == '/' && access(path, R_OK) < 0)
        lint_error(scope->lint, scope_word(scope, name, str_of(path), 0), "%s: %s: %s",
                   name, path, strerror(errno));
}

/* "/path" in a list stands for the items in that file; 192.0.2.1/24 for a network that
 * does not exist. */
static void check_list(const struct scope *scope, const char *name, const char *value)
{
    struct str rest = str_of(value), word;
    struct cidr block;
    struct fail why;

    while ((word = table_word(&rest)).n > 0) {
        struct str item = word.p[0] == '!' ? str_tail(word, 1) : word;
        struct span at = scope_word(scope, name, word, 0);
        char *path = arena_copy_str(scope->lint->arena, item);

        if (*path == '/' && access(path, R_OK) < 0)
            lint_error(scope->lint, at, "%s: %s: %s", name, path, strerror(errno));
        else if (str_find(item, '/') < item.n && strchr("0123456789[", *path) &&
                 cidr_parse(item, &block, &why) < 0)
            lint_error(scope->lint, at, "%s: %s", name, why.text);
    }
}

/* --- TLS -------------------------------------------------------------------------------
 */

static void check_protocols(const struct scope *scope, const char *name)
{
    struct tls_protocols protocols;
    struct fail why;

    if (scope_sets(scope, name) &&
        tls_protocols_parse(str_of(scope_text(scope, name)), &protocols, &why) < 0)
        lint_error(scope->lint, scope_span(scope, name), "%s: %s", name, why.text);
}

static void check_grade(const struct scope *scope, const char *name)
{
    if (scope_sets(scope, name) && !tls_grade_is_known(scope_text(scope, name)))
        lint_error(scope->lint, scope_span(scope, name),
                   "%s: \"%s\" is no cipher grade: high, medium or null", name,
                   scope_text(scope, name));
}

/* Where the server is told to use TLS here, or NULL. */
static const char *wants_tls(const struct scope *scope)
{
    static const char *const levels[] = {"smtpd_tls_security_level", "smtpd_use_tls",
                                         "smtpd_enforce_tls", "smtpd_tls_wrappermode"};

    for (size_t i = 0; i < COUNT(levels); i++) {
        const char *value = scope_text(scope, levels[i]);

        if (scope_sets(scope, levels[i]) && *value && strcmp(value, "no") != 0 &&
            strcmp(value, "none") != 0)
            return levels[i];
    }
    return NULL;
}

/* Clients that are offered TLS, and then cannot have it, go away. */
static void check_certificate(const struct scope *scope)
{
    static const char *const files[] = {"smtpd_tls_chain_files", "smtpd_tls_cert_file",
                                        "smtpd_tls_dcert_file", "smtpd_tls_eccert_file"};
    const char *wanted = wants_tls(scope);

    for (size_t i = 0; i < COUNT(files); i++)
        if (*scope_text(scope, files[i]))
            return;
    if (wanted)
        lint_error(scope->lint, scope_span(scope, wanted),
                   "%s: there is no certificate for TLS: set smtpd_tls_chain_files, or "
                   "run \"postfix tls enable-server\"",
                   wanted);
}

static void check_tls(const struct scope *scope)
{
    static const char *const roles[] = {"smtpd", "smtp", "lmtp"};
    struct arena *arena = scope->lint->arena;

    for (size_t i = 0; i < COUNT(roles); i++) {
        check_protocols(scope, arena_printf(arena, "%s_tls_protocols", roles[i]));
        check_protocols(scope,
                        arena_printf(arena, "%s_tls_mandatory_protocols", roles[i]));
        check_grade(scope, arena_printf(arena, "%s_tls_ciphers", roles[i]));
        check_grade(scope, arena_printf(arena, "%s_tls_mandatory_ciphers", roles[i]));
    }
    check_certificate(scope);
}

/* --- users and groups ------------------------------------------------------------------
 */

static void check_ids(const struct scope *scope)
{
    static const char *const users[] = {"mail_owner", "default_privs"};
    struct arena *arena = scope->lint->arena;
    struct user user;
    gid_t group;

    for (size_t i = 0; i < COUNT(users); i++)
        if (scope_sets(scope, users[i]) &&
            user_by_name(scope_text(scope, users[i]), arena, &user, NULL) == 0)
            lint_error(scope->lint, scope_span(scope, users[i]),
                       "%s: user %s is not known", users[i], scope_text(scope, users[i]));
    if (scope_sets(scope, "setgid_group") &&
        group_by_name(scope_text(scope, "setgid_group"), &group, NULL) == 0)
        lint_error(scope->lint, scope_span(scope, "setgid_group"),
                   "setgid_group: group %s is not known",
                   scope_text(scope, "setgid_group"));
}

/* --- environment
 * ------------------------------------------------------------------------
 */

static void check_environment(const struct scope *scope)
{
    static const char *const names[] = {"import_environment", "export_environment"};
    struct fail why;

    for (size_t i = 0; i < COUNT(names); i++)
        if (scope_sets(scope, names[i]) &&
            environment_check(scope_text(scope, names[i]), scope->lint->arena, &why) < 0)
            lint_error(scope->lint, scope_span(scope, names[i]), "%s: %s", names[i],
                       why.text);
}

/* --- the values ----------------------------------------------------------------------
 */

/* As in 1h30m. */
static void check_time_end(const struct scope *scope, const char *name, const char *text)
{
    size_t used = strspn(text, "0123456789") + 1;

    if (strlen(text) > used)
        lint_warn(scope->lint, scope_span(scope, name), "%s: of %s only %.*s is read",
                  name, text, (int)used, text);
}

static void check_value(const struct scope *scope, const struct param *param,
                        const char *name)
{
    const char *text;
    union value value;
    struct fail why = {0};

    if (param->flags & (PARAM_RAW | PARAM_READONLY | PARAM_REMOVED))
        return;
    text = conf_text(scope->conf, name, &why);
    if (text == NULL || value_parse(param, name, text, &value, &why) < 0 ||
        identity_check_value(name, text, &why) < 0)
        lint_error(scope->lint, scope_span(scope, name), "%s", why.text);
    else if (scope->lint->brief)
        return;
    else if (param->type == PARAM_CODE &&
             (strlen(text) != 3 || text[0] < '2' || text[0] > '5'))
        lint_error(scope->lint, scope_span(scope, name),
                   "%s: %s is no SMTP reply code, 200 to 599", name, text);
    else if (param->type == PARAM_TIME)
        check_time_end(scope, name, text);
    else if (param->type == PARAM_PATH)
        check_file(scope, name, text);
    else if (param->type == PARAM_MATCHLIST)
        check_list(scope, name, text);
}

void lint_values(const struct scope *scope)
{
    const struct conf_state *state = scope->conf->state;
    const struct settings *settings = scope->entry ? &state->options : &state->file;

    for (size_t i = 0; i < settings->n; i++) {
        const char *name = settings->items[i].name;
        struct param param;
        struct str service;

        if (param_find(str_of(name), &param) ||
            param_family(str_of(name), &param, &service))
            check_value(scope, &param, name);
    }
    for (size_t i = 0; i < COUNT(choices) && !scope->lint->brief; i++)
        if (scope_sets(scope, choices[i].param))
            check_choice(scope, choices[i].param, choices[i].words);
    if (scope->lint->brief)
        return;
    check_tls(scope);
    check_ids(scope);
    check_environment(scope);
}
