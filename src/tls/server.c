/* Decides which keys, protocols and ciphers a service has. Who is offered TLS, and what
 * is made of a session, is the service's affair. */
#include "tls/server.h"

#include "conf/conf.h"
#include "tls/ciphers.h"

#define SEPARATORS ", \t\r\n"

int tls_server_level(const char *param, const char *value, bool use, bool enforce,
                     enum tls_server_level *ret, struct fail *why)
{
    static const char *const names[] = {"none", "may", "encrypt"};

    if (*value == '\0') {
        *ret = enforce ? TLS_SERVER_ENCRYPT : use ? TLS_SERVER_MAY : TLS_SERVER_NONE;
        return 0;
    }
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_is_nocase(str_of(value), names[i])) {
            *ret = (enum tls_server_level)i;
            return 0;
        }
    return fail_set(why, "Invalid TLS level \"%s\": %s is none, may or encrypt", value,
                    param);
}

void tls_server_read(const struct tls_server_words *words, bool mandatory,
                     struct tls_server *ret)
{
    *ret = (struct tls_server){.log_level = tls_log_level(words->loglevel),
                               .mandatory = mandatory,
                               .demands = words->req_ccert && mandatory};
    ret->asks = words->ask_ccert || ret->demands;
}

static void split(struct texts *ret, struct arena *arena, const char *value)
{
    texts_split(ret, arena, str_of(value), SEPARATORS);
}

static void split_groups(struct texts *ret, struct arena *arena, const char *value)
{
    texts_split(ret, arena, str_of(value), SEPARATORS ":");
}

/* "none" is what sites say who have no certificate. */
static const char *file_of(const char *value)
{
    return str_is_nocase(str_of(value), "none") ? "" : value;
}

static struct tls_settings settings_of(const struct conf *conf,
                                       const struct tls_server_words *words,
                                       struct arena *arena)
{
    struct tls_settings settings = {
        .is_server = true,
        .pairs = {{"RSA", file_of(words->cert_file), words->key_file},
                  {"DSA", file_of(words->dcert_file), words->dkey_file},
                  {"ECDSA", file_of(words->eccert_file), words->eckey_file}},
        .is_anonymous = str_is_nocase(str_of(words->cert_file), "none"),
        .CAfile = words->CAfile,
        .CApath = words->CApath,
        .append_default_CA = conf->tls_append_default_CA,
        .trust_server_ccerts = conf->tls_trust_server_ccerts,
        .verify_depth = words->ccert_verifydepth,
        .dh_file = words->dh1024_param_file,
        .digest = words->fingerprint_digest,
        .ticket_seconds = conf->smtpd_tls_session_cache_timeout,
        .ticket_cipher = conf->tls_session_ticket_cipher,
        .prefer_own_ciphers = conf->tls_preempt_cipherlist,
        .slow_shutdown = !conf->tls_fast_shutdown_enable,
        .config_file = conf->tls_config_file,
        .config_section = conf->tls_config_name,
    };

    split(&settings.chain_files, arena, words->chain_files);
    split_groups(&settings.groups, arena, conf->tls_eecdh_auto_curves);
    split_groups(&settings.groups, arena, conf->tls_ffdhe_auto_groups);
    split(&settings.options, arena, conf->tls_ssl_options);
    split(&settings.workarounds, arena, conf->tls_disable_workarounds);
    return settings;
}

/* A client that is asked for a certificate must not get away without ours. */
static void find_ciphers(const struct conf *conf, const struct tls_server_words *words,
                         struct arena *arena, struct tls_server *server)
{
    const struct tls_grades grades = {conf->tls_high_cipherlist,
                                      conf->tls_medium_cipherlist,
                                      conf->tls_null_cipherlist};
    const char *exclusions[] = {words->exclude_ciphers,
                                server->mandatory ? words->mandatory_exclude_ciphers : "",
                                server->asks ? "aNULL" : "", NULL};

    server->ciphers = tls_ciphers(
        &grades, server->mandatory ? words->mandatory_ciphers : words->ciphers,
        exclusions, arena, &server->ciphers_trouble);
}

static int find_protocols(const struct tls_server_words *words, bool mandatory,
                          struct tls_protocols *ret, struct fail *why)
{
    const char *list = mandatory ? words->mandatory_protocols : words->protocols;
    struct fail reason;

    if (tls_protocols_parse(str_of(list), ret, &reason) < 0)
        return fail_set(why, "Invalid TLS protocol list \"%s\": %s", list, reason.text);
    return 0;
}

int tls_server_open(const struct conf *conf, const struct tls_server_words *words,
                    const char *session_context, struct arena *arena,
                    struct tls_server *ret, struct fail *why)
{
    struct tls_settings settings;

    if (find_protocols(words, ret->mandatory, &ret->protocols, why) < 0)
        return -1;
    find_ciphers(conf, words, arena, ret);
    ret->library = tls_load(conf->shlib_directory, arena, why);
    if (!ret->library)
        return -1;
    settings = settings_of(conf, words, arena);
    settings.ask_certificate = ret->asks;
    settings.session_context = session_context;
    settings.keeper = ret->keeper;
    ret->context = ret->library->context_new(&settings, arena, why);
    return ret->context ? 0 : -1;
}
