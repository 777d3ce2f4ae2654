/*
 * What the smtpd_sasl_* parameters allow: to whom AUTH is offered, and with which
 * mechanisms. An implementation that does not answer stops logins, not mail: AUTH is not
 * offered then, and answered with 454.
 */
#include "smtpd/login.h"

#include "table/match.h"
#include "util/log.h"

enum { ANSWER_MS = 60000 }; /* Dovecot takes its time for wrong passwords */

/* --- set-up ----------------------------------------------------------------------- */

static void warn(const char *text)
{
    log_warning("%s", text);
}

/* compat: Debian's place for the library's files comes before its own. */
static const char *config_path(const struct server *server)
{
    const struct conf *conf = server->conf;

    if (*conf->cyrus_sasl_config_path)
        return conf->cyrus_sasl_config_path;
    return arena_printf(server->process->arena, "%s/sasl:/etc/sasl2:/usr/lib/sasl2",
                        conf->config_directory);
}

static int read_security(struct server *server, struct fail *why)
{
    const struct conf *conf = server->conf;

    if (security_parse("smtpd_sasl_security_options", conf->smtpd_sasl_security_options,
                       &server->auth_security[0], why) < 0)
        return -1;
    return security_parse("smtpd_sasl_tls_security_options",
                          conf->smtpd_sasl_tls_security_options,
                          &server->auth_security[1], why);
}

int login_set_up(struct server *server, struct fail *why)
{
    const struct conf *conf = server->conf;
    struct arena *arena = server->process->arena;
    struct auth_server_settings *settings;

    if (!conf->smtpd_sasl_auth_enable)
        return 0;
    if (read_security(server, why) < 0)
        return -1;
    server->mechanism_filter =
        match_list_open(server->tables, "smtpd_sasl_mechanism_filter",
                        conf->smtpd_sasl_mechanism_filter, 0);
    server->auth_exceptions =
        match_list_open(server->tables, "smtpd_sasl_exceptions_networks",
                        conf->smtpd_sasl_exceptions_networks, 0);
    settings = ARENA_NEW(arena, struct auth_server_settings);
    *settings = (struct auth_server_settings){
        .type = conf->smtpd_sasl_type,
        .path = conf->smtpd_sasl_path,
        .config_path = config_path(server),
        .service = conf->smtpd_sasl_service,
        .realm = conf->smtpd_sasl_local_domain,
        .host = conf->myhostname,
        .plugin = arena_printf(arena, "%s/postfix-sasl.so", conf->shlib_directory),
        .timeout_ms = ANSWER_MS,
        .warn = warn,
    };
    server->auth = auth_server_new(settings, why);
    return server->auth ? 0 : -1;
}

/* --- who may ---------------------------------------------------------------------- */

bool login_is_enabled(const struct session *session)
{
    const struct server *server = session->server;

    return server->auth && !texts_has(&session->discarded_keywords, STR("AUTH"), true) &&
           (session->tls || !(session->conf->smtpd_tls_auth_only || server->needs_tls));
}

/* compat: those that AUTH is not offered to may use it all the same. In doubt it is not
 * offered. */
static bool is_exception(struct session *session)
{
    struct fail why;
    int found = match_host(session->server->auth_exceptions, str_of(session->client.name),
                           str_of(session->address), &why);

    if (found < 0)
        log_warning("%s", why.text);
    return found != 0;
}

struct auth_client_facts login_facts(struct session *session)
{
    char *own = arena_alloc(session->command, NETADDR_TEXT);
    bool encrypted = session->tls != NULL;

    return (struct auth_client_facts){
        .client_address = session->address,
        .server_address = netaddr_text(&session->own, own),
        .client_port = session->peer.port,
        .server_port = session->own.port,
        .encrypted = encrypted,
        .security = session->server->auth_security[encrypted],
    };
}

/* --- mechanisms ------------------------------------------------------------------- */

static bool ask_mechanisms(struct session *session, struct texts *ret)
{
    const struct auth_client_facts facts = login_facts(session);
    struct fail why;

    if (auth_mechanisms(session->server->auth, &facts, session->command, ret, &why) == 0)
        return true;
    log_warning("%s", why.text);
    return false;
}

/* By smtpd_sasl_mechanism_filter: 1, 0, or -1 when it can't be asked, which is logged. */
static int is_wanted(const struct session *session, const char *mechanism)
{
    struct fail why;
    int found = match_string(session->server->mechanism_filter, str_of(mechanism), &why);

    if (found < 0)
        log_warning("%s", why.text);
    return found;
}

const char *login_mechanisms(struct session *session)
{
    struct texts all = {0};
    const char *list = NULL;

    if (!login_is_enabled(session) || is_exception(session) ||
        !ask_mechanisms(session, &all))
        return NULL;
    for (size_t i = 0; i < all.n; i++)
        if (is_wanted(session, all.items[i]) > 0)
            list = list ? arena_printf(session->command, "%s %s", list, all.items[i])
                        : all.items[i];
    if (!list)
        log_warning("no SASL authentication mechanisms: none of those that "
                    "smtpd_sasl_type = %s has suits smtpd_sasl_security_options and "
                    "smtpd_sasl_mechanism_filter",
                    session->conf->smtpd_sasl_type);
    return list;
}

const char *login_mechanism(struct session *session, struct str name, bool *ret_unsure)
{
    struct texts all = {0};
    int wanted = 0;

    *ret_unsure = !ask_mechanisms(session, &all);
    for (size_t i = 0; i < all.n; i++) {
        if (!str_is_nocase(name, all.items[i]))
            continue;
        wanted = is_wanted(session, all.items[i]);
        *ret_unsure = wanted < 0;
        return wanted > 0 ? all.items[i] : NULL;
    }
    return NULL;
}

void login_forget(struct session *session)
{
    session->sasl_method = session->sasl_username = NULL;
}
