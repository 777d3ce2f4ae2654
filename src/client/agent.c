/*
 * The life of a delivery agent process: its set-up, the requests, and the one
 * session that it may keep between two messages. A kept session costs the
 * server a slot, so it is given up as soon as the queue manager has nothing
 * more for it.
 */
#include "client/agent.h"

#include "client/attempt.h"
#include "client/login.h"
#include "table/table.h"
#include "util/log.h"

static void warn(const char *text)
{
    log_warning("%s", text);
}

static void note(const char *text)
{
    log_info("%s", text);
}

/* --- set-up ----------------------------------------------------------------------- */

static const struct {
    char letter;
    unsigned bit; /* 0 = X, final delivery */
} flags[] = {
    {'D', COPY_DELIVERED_TO},
    {'O', COPY_ORIGINAL_TO},
    {'R', COPY_RETURN_PATH},
    {'X', 0},
};

static int read_flag(struct agent *agent, char letter, struct fail *why)
{
    for (size_t i = 0; i < COUNT(flags); i++)
        if (flags[i].letter == letter) {
            agent->front |= flags[i].bit;
            agent->final = agent->final || flags[i].bit == 0;
            return 0;
        }
    return fail_set(why,
                    "master.cf: service %s: unknown flag \"%c\" in flags=: use D, O, "
                    "R, X",
                    agent->process->name, letter);
}

/* The words of master.cf behind the command: "flags=DOR". */
static int read_arguments(struct agent *agent, struct fail *why)
{
    const struct process *process = agent->process;

    for (size_t i = 0; i < process->argc; i++) {
        struct str word = str_of(process->argv[i]);

        if (!str_starts(word, "flags="))
            return fail_set(why, "master.cf: service %s: unknown argument \"%s\"",
                            process->name, process->argv[i]);
        for (size_t k = strlen("flags="); k < word.n; k++)
            if (read_flag(agent, word.p[k], why) < 0)
                return -1;
    }
    return 0;
}

static void filter_dns(struct agent *agent, bool lmtp)
{
    const struct conf *conf = agent->process->conf;
    const struct dns_filter filter = {dns_rules_ignore, &agent->dns_rules};

    agent->dns_rules = (struct dns_rules){
        .maps = maps_open(
            agent->tables, lmtp ? "lmtp_dns_reply_filter" : "smtp_dns_reply_filter",
            lmtp ? conf->lmtp_dns_reply_filter : conf->smtp_dns_reply_filter,
            TABLE_NO_UTF8),
        .note = note,
        .warn = warn,
    };
    if (!maps_empty(agent->dns_rules.maps))
        resolver_set_filter(agent->settings.resolver, &filter);
}

static int open_login(struct agent *agent, bool lmtp, struct fail *why)
{
    struct login_settings *login;

    if (login_set_up(agent->process->conf, lmtp, agent->tables, agent->process->arena,
                     &login, why) < 0)
        return -1;
    agent->settings.login = login;
    if (!login)
        return 0;
    login->rules = &agent->outgoing.site.rules;
    login->library.warn = warn;
    return auth_client_init(&login->client, &login->library, why);
}

static int open_tables(struct agent *agent, bool lmtp, struct fail *why)
{
    struct process *process = agent->process;
    const struct conf *conf = process->conf;

    agent->tables = tables_new(conf);
    delivery_open_filter(
        process, agent->tables,
        lmtp ? "lmtp_delivery_status_filter" : "smtp_delivery_status_filter",
        lmtp ? conf->lmtp_delivery_status_filter : conf->smtp_delivery_status_filter);
    agent->reuse_destinations =
        match_list_open(agent->tables,
                        lmtp ? "lmtp_connection_cache_destinations"
                             : "smtp_connection_cache_destinations",
                        agent->settings.reuse.destinations, 0);
    filter_dns(agent, lmtp);
    if (client_tls_read(conf, lmtp, agent->tables, process->arena, &agent->settings,
                        why) < 0)
        return -1;
    workarounds_init(&agent->settings.workarounds, agent->tables, conf, lmtp,
                     process->arena);
    if (outgoing_init(&agent->outgoing, agent->tables, conf, lmtp, process->arena, why) <
        0)
        return -1;
    if (open_login(agent, lmtp, why) < 0)
        return -1;
    if (conf->daemon_table_open_error_is_fatal && tables_open_failure(agent->tables))
        return fail_set(why, "%s", tables_open_failure(agent->tables));
    return 0;
}

/* The postmaster hears of servers that break the protocol. */
static void complain(void *owner, const struct session *session)
{
    struct agent *agent = owner;
    const struct transcript_notice notice = {
        .role = agent->settings.lmtp ? "LMTP client" : "SMTP client",
        .peer = session->relay,
        .first =
            arena_printf(session->arena, "Unexpected response from %s.", session->relay),
        .classes = TROUBLE_PROTOCOL,
    };
    struct fail why;

    if (transcript_send(&session->transcript, agent->process->conf, &notice,
                        agent->cleanup, &why) < 0)
        log_warning("postmaster notice about %s: %s", session->relay, why.text);
}

static void listen_for_complaints(struct agent *agent)
{
    const struct conf *conf = agent->process->conf;

    if (!(trouble_classes(conf->notify_classes) & TROUBLE_PROTOCOL))
        return;
    agent->cleanup = ipc_client_new(
        arena_printf(agent->process->arena, "public/%s", conf->cleanup_service_name),
        "cleanup", conf->ipc_timeout * 1000L);
    agent->settings.complain = complain;
    agent->settings.owner = agent;
}

static int set_up(struct process *process, bool lmtp, struct fail *why)
{
    struct agent *agent = ARENA_NEW(process->arena, struct agent);
    struct resolver *resolver = resolver_new("/etc/resolv.conf", &clock_system);

    process->state = agent;
    agent->process = process;
    agent->sessions = arena_new("session");
    if (client_settings_read(process->conf, lmtp, resolver, process->arena,
                             &agent->settings, why) < 0)
        return -1;
    agent->settings.service = process->name;
    agent->settings.warn = warn;
    agent->settings.note = note;
    listen_for_complaints(agent);
    agent->final = lmtp && process->conf->lmtp_assume_final;
    if (read_arguments(agent, why) < 0)
        return -1;
    return open_tables(agent, lmtp, why);
}

int agent_set_up_smtp(struct process *process, struct fail *why)
{
    return set_up(process, false, why);
}

int agent_set_up_lmtp(struct process *process, struct fail *why)
{
    return set_up(process, true, why);
}

/* --- requests ---------------------------------------------------------------------- */

static void end_kept(struct agent *agent)
{
    session_close(agent->kept.session);
    agent->kept.session = NULL;
}

/* A session to another next hop is in the way; without any, their memory is free. */
static void clear_for(struct agent *agent, const char *nexthop)
{
    if (agent->kept.session && strcmp(agent->kept.nexthop, nexthop) != 0)
        end_kept(agent);
    if (agent->kept.session == NULL)
        arena_reset(agent->sessions);
}

/*
 * Keep the session while the next request may come at any moment. The answer
 * goes out first, for the queue manager sends nothing before it has it.
 */
static void keep(struct client *client, struct agent *agent, struct session *session,
                 const char *nexthop)
{
    agent->kept = (struct kept_session){session, arena_copy(agent->sessions, nexthop)};
    if (stream_flush(client->stream) != STREAM_OK ||
        !stream_wait(client->stream, agent->settings.reuse.keep_s * 1000L))
        end_kept(agent);
}

int agent_deliver(struct client *client, struct fail *why)
{
    struct agent *agent = client->process->state;
    struct delivery delivery;
    struct session *session;

    if (delivery_receive(client, &delivery, why) < 0)
        return -1;
    clear_for(agent, delivery.request.nexthop);
    session = attempt_delivery(agent, &delivery);
    if (delivery_finish(client, &delivery, why) < 0)
        return -1;
    if (session != NULL)
        keep(client, agent, session, delivery.request.nexthop);
    return 0;
}

bool agent_between(struct process *process)
{
    end_kept(process->state);
    return false;
}

const char *agent_outdated(struct process *process)
{
    const struct agent *agent = process->state;

    return tables_outdated(agent->tables);
}

void agent_before_exit(struct process *process)
{
    struct agent *agent = process->state;

    end_kept(agent);
    ipc_client_free(agent->cleanup);
    if (agent->settings.login)
        login_cache_free(agent->settings.login->cache);
    tables_free(agent->tables);
    resolver_free(agent->settings.resolver);
    arena_free(agent->sessions);
}
