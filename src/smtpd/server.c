/*
 * Sets up what one smtpd process knows, checks at the start that the
 * restriction lists cannot make an open relay, and lets go of idle connections
 * between clients.
 */
#include "smtpd/server.h"

#include "conf/mail_settings.h"
#include "ipc/answers.h"
#include "mail/byte_filter.h"
#include "queue/transcript.h"
#include "queue/verify.h"
#include "smtpd/login.h"
#include "smtpd/old_default.h"
#include "smtpd/restriction_list.h"
#include "smtpd/session_tls.h"
#include "util/log.h"

/* --- tables and lists ------------------------------------------------------------- */

static struct match_list *match(struct server *server, const char *param,
                                const char *value)
{
    return match_list_open(
        server->tables, param, value,
        match_parent_flag(server->conf->parent_domain_matches_subdomains, param));
}

static struct maps *maps(struct server *server, const char *param, const char *value)
{
    return maps_open(server->tables, param, value, 0);
}

static void open_tables(struct server *server)
{
    const struct conf *conf = server->conf;

    server->tables = tables_new(conf);
    server->access_parents = match_parent_flag(conf->parent_domain_matches_subdomains,
                                               "smtpd_access_maps") != 0;
    server->mynetworks = match(server, "mynetworks", conf->mynetworks);
    server->bare_newline_exclusions =
        match(server, "smtpd_forbid_bare_newline_exclusions",
              conf->smtpd_forbid_bare_newline_exclusions);
    server->limit_exceptions = match(server, "smtpd_client_event_limit_exceptions",
                                     conf->smtpd_client_event_limit_exceptions);
    server->forbidden_commands =
        match(server, "smtpd_forbidden_commands", conf->smtpd_forbidden_commands);
    server->fast_flush_domains =
        match(server, "fast_flush_domains", conf->fast_flush_domains);
    server->virtual_alias_maps =
        maps(server, "virtual_alias_maps", conf->virtual_alias_maps);
    server->canonical_maps = maps(server, "canonical_maps", conf->canonical_maps);
    server->recipient_canonical_maps =
        maps(server, "recipient_canonical_maps", conf->recipient_canonical_maps);
    server->local_recipient_maps =
        maps(server, "local_recipient_maps", conf->local_recipient_maps);
    server->virtual_mailbox_maps =
        maps(server, "virtual_mailbox_maps", conf->virtual_mailbox_maps);
    server->sender_login_maps =
        maps(server, "smtpd_sender_login_maps", conf->smtpd_sender_login_maps);
    server->sni_maps = maps_open(server->tables, "tls_server_sni_maps",
                                 conf->tls_server_sni_maps, TABLE_FILES);
    server->relay_clientcerts =
        maps(server, "relay_clientcerts", conf->relay_clientcerts);
    server->rbl_reply_maps = maps(server, "rbl_reply_maps", conf->rbl_reply_maps);
    server->reject_filter_maps =
        maps(server, "smtpd_reject_filter_maps", conf->smtpd_reject_filter_maps);
    server->reject_footer_maps =
        maps(server, "smtpd_reject_footer_maps", conf->smtpd_reject_footer_maps);
    server->dns_rules.maps = maps_open(server->tables, "smtpd_dns_reply_filter",
                                       conf->smtpd_dns_reply_filter, TABLE_NO_UTF8);
    server->backup_networks =
        match(server, "permit_mx_backup_networks", conf->permit_mx_backup_networks);
    server->command_filter =
        maps(server, "smtpd_command_filter", conf->smtpd_command_filter);
    server->milter_maps = maps(server, "smtpd_milter_maps", conf->smtpd_milter_maps);
    server->discarded_keyword_maps =
        maps(server, "smtpd_discard_ehlo_keyword_address_maps",
             conf->smtpd_discard_ehlo_keyword_address_maps);
    server->logged_permits = match(server, "smtpd_log_access_permit_actions",
                                   conf->smtpd_log_access_permit_actions);
    server->relay_recipient_maps =
        maps(server, "relay_recipient_maps", conf->relay_recipient_maps);
}

/* --- restriction lists ------------------------------------------------------------ */

static void parse_lists(struct server *server)
{
    const struct conf *conf = server->conf;
    const struct {
        enum stage stage;
        const char *param, *value;
    } rows[] = {
        {STAGE_CLIENT, "smtpd_client_restrictions", conf->smtpd_client_restrictions},
        {STAGE_HELO, "smtpd_helo_restrictions", conf->smtpd_helo_restrictions},
        {STAGE_SENDER, "smtpd_sender_restrictions", conf->smtpd_sender_restrictions},
        {STAGE_RELAY, "smtpd_relay_restrictions", conf->smtpd_relay_restrictions},
        {STAGE_RECIPIENT, "smtpd_recipient_restrictions",
         conf->smtpd_recipient_restrictions},
        {STAGE_DATA, "smtpd_data_restrictions", conf->smtpd_data_restrictions},
        {STAGE_END_OF_DATA, "smtpd_end_of_data_restrictions",
         conf->smtpd_end_of_data_restrictions},
        {STAGE_ETRN, "smtpd_etrn_restrictions", conf->smtpd_etrn_restrictions},
        {STAGE_LOCAL_REWRITE, "local_header_rewrite_clients",
         conf->local_header_rewrite_clients},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        server->lists[rows[i].stage] = restriction_list_parse(
            server, (struct restriction_place){rows[i].param, rows[i].stage},
            rows[i].value, server->process->arena);
}

/* Without one of these, strangers could relay through us. */
static int check_not_open_relay(const struct server *server, struct fail *why)
{
    static const char *const safe[] = {
        "reject_unauth_destination", "defer_unauth_destination", "reject", "defer",
        "defer_if_permit",           "check_relay_domains"};

    for (size_t i = 0; i < COUNT(safe); i++)
        if (restriction_list_has(server->lists[STAGE_RELAY], safe[i]) ||
            restriction_list_has(server->lists[STAGE_RECIPIENT], safe[i]))
            return 0;
    return fail_set(
        why, "in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions, "
             "specify at least one working instance of: reject_unauth_destination, "
             "defer_unauth_destination, reject, defer, or defer_if_permit");
}

/* --- choices made of words -------------------------------------------------------- */

static int parse_bare_newline(const char *value, enum bare_newline *ret, struct fail *why)
{
    static const struct {
        const char *word;
        enum bare_newline choice;
    } rows[] = {
        {"no", BARE_NEWLINE_ALLOW},
        {"yes", BARE_NEWLINE_NORMALIZE},
        {"normalize", BARE_NEWLINE_NORMALIZE},
        {"note", BARE_NEWLINE_NOTE},
        {"reject", BARE_NEWLINE_REJECT},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (str_is_nocase(str_of(value), rows[i].word)) {
            *ret = rows[i].choice;
            return 0;
        }
    return fail_set(why, "smtpd_forbid_bare_newline: bad value \"%s\"", value);
}

static void split_words(struct server *server)
{
    struct arena *arena = server->process->arena;
    const struct conf *conf = server->conf;

    texts_split(&server->discarded_keywords, arena,
                str_of(conf->smtpd_discard_ehlo_keywords), ", \t\r\n");
    texts_split(&server->noop_commands, arena, str_of(conf->smtpd_noop_commands),
                ", \t\r\n");
}

static void make_rules(struct server *server)
{
    const struct rewrite_settings settings = conf_rewrite_settings(server->conf);

    server->rules = rewrite_rules_local(&settings);
    server->log_style = conf_log_style(server->conf);
}

/* --- the DNS ---------------------------------------------------------------------- */

static void note(const char *text)
{
    log_info("%s", text);
}

static void complain(const char *text)
{
    log_warning("%s", text);
}

static void make_resolvers(struct server *server)
{
    const struct dns_filter filter = {dns_rules_ignore, &server->dns_rules};

    server->plain_resolver = resolver_new("/etc/resolv.conf", &clock_system);
    server->resolver = server->plain_resolver;
    if (maps_empty(server->dns_rules.maps))
        return;
    server->dns_rules.note = note;
    server->dns_rules.warn = complain;
    server->resolver = resolver_new("/etc/resolv.conf", &clock_system);
    resolver_set_filter(server->resolver, &filter);
}

/* --- callbacks of the service ----------------------------------------------------- */

static void warn(void *context, const char *text)
{
    (void)context;
    log_warning("%s", text);
}

int server_before_jail(struct process *process, struct fail *why)
{
    struct server *server = ARENA_NEW(process->arena, struct server);

    process->state = server;
    server->process = process;
    server->conf = process->conf;
    make_rules(server);
    if (process->stand_alone) /* no restrictions, so neither tables nor services */
        return 0;
    open_tables(server);
    tables_each_warning(server->tables, warn, NULL);
    if (tables_open_failure(server->tables) &&
        server->conf->daemon_table_open_error_is_fatal)
        return fail_set(why, "%s", tables_open_failure(server->tables));
    if (site_init(&server->site, server->tables, server->conf, process->arena, why) < 0 ||
        parse_bare_newline(server->conf->smtpd_forbid_bare_newline, &server->bare_newline,
                           why) < 0 ||
        session_tls_set_up(server, why) < 0 || login_set_up(server, why) < 0)
        return -1;
    site_tell_completed(server->tables, server->conf, &server->rules);
    restriction_classes_parse(server);
    parse_lists(server);
    old_defaults_find(server);
    return check_not_open_relay(server, why);
}

int server_after_jail(struct process *process, struct fail *why)
{
    struct server *server = process->state;
    const struct conf *conf = server->conf;
    int64_t timeout_ms = conf->ipc_timeout * 1000L;

    (void)why;
    split_words(server);
    byte_filter_read(conf->smtpd_expansion_filter, server->reply_bytes);
    if (process->stand_alone)
        return 0;
    server->told_troubles = trouble_classes(conf->notify_classes);
    make_resolvers(server);
    server->hosts = hosts_new("/etc/hosts", &clock_system);
    server->answers = answers_new();
    server->rewrite = ipc_client_new(
        arena_printf(process->arena, "private/%s", conf->rewrite_service_name),
        "trivial-rewrite", timeout_ms);
    server->anvil = ipc_client_new("private/anvil", "anvil", timeout_ms);
    server->cleanup = ipc_client_new(
        arena_printf(process->arena, "public/%s", conf->cleanup_service_name), "cleanup",
        timeout_ms);
    server->probes = ipc_client_new(
        arena_printf(process->arena, "public/%s", conf->cleanup_service_name), "cleanup",
        timeout_ms);
    server->verify = verify_client(conf);
    return 0;
}

static void close_idle(struct ipc_client *client, int64_t idle_ms)
{
    if (clock_ms(&clock_system) - ipc_client_last_used(client) > idle_ms)
        ipc_client_close(client);
}

bool server_between(struct process *process)
{
    struct server *server = process->state;

    close_idle(server->cleanup, server->conf->ipc_idle * 1000L);
    close_idle(server->probes, server->conf->ipc_idle * 1000L);
    close_idle(server->verify, server->conf->ipc_idle * 1000L);
    close_idle(server->anvil, server->conf->ipc_idle * 1000L);
    close_idle(server->rewrite, server->conf->ipc_idle * 1000L);
    return false;
}

const char *server_outdated(struct process *process)
{
    const struct server *server = process->state;

    return server->tables ? tables_outdated(server->tables) : NULL;
}
