/*
 * tlsproxy(8): speaks TLS for programs that serve many and do not themselves
 * (postscreen). One process has many sessions, and waits for none of them.
 *
 * Reading order: main.c (the request), settings.c (which TLS), tickets.c (keys of session
 * tickets), session.c (bytes between the two ends).
 */
#include "tlsproxy/tlsproxy.h"

#include "table/table.h"
#include "util/log.h"

#include <sys/socket.h>
#include <unistd.h>

static bool is_connection(int fd)
{
    int type = 0;
    socklen_t length = sizeof(type);

    return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
           type == SOCK_STREAM;
}

static void dropped(struct client *client)
{
    session_drop(client->state);
}

static void begin_session(struct client *client, int fd, struct str rest)
{
    session_go(client->state, fd, rest);
}

/* What the peer cannot have, and why. */
static const char *refuse(const struct proxy *proxy, const struct tlsproxy_begin *begin)
{
    bool mandatory = begin->flags & TLSPROXY_MANDATORY;

    if (begin->role != TLSPROXY_SERVER)
        return "this role is not there";
    if (!proxy->offers)
        return "tlsproxy_tls_security_level says that there is no TLS";
    if (!proxy->server[0].context || !proxy->server[1].context)
        return "TLS is out of order: the log says why";
    if (!proxy->server[mandatory].ciphers)
        return proxy->server[mandatory].ciphers_trouble.text;
    return NULL;
}

static int answer_begin(struct client *client, struct fail *why)
{
    struct proxy *proxy = client->process->state;
    struct tlsproxy_begin begin;
    struct status_reply reply = {.reason = ""};
    int fd = stream_take_fd(client->stream);

    tables_refresh_due(proxy->tables, clock_ms(&clock_system));
    if (ipc_receive(client->stream, &tlsproxy_begin_message, client->arena, &begin, why) <
        0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (!is_connection(fd)) {
        if (fd >= 0)
            close(fd);
        return fail_set(why, "no connection came along with the request");
    }
    reply.reason = refuse(proxy, &begin);
    if (reply.reason) {
        log_warning("%s[%s]:%lld: no TLS: %s", begin.peer_name, begin.peer_address,
                    begin.peer_port, reply.reason);
        close(fd);
    } else {
        client->state = session_new(proxy, &begin, fd);
        reply.reason = client->state ? "" : "TLS is out of order";
    }
    reply.status = *reply.reason != '\0';
    if (client->state) {
        client->gone = dropped;
        client->handed_over = begin_session;
    }
    ipc_put(client->stream, &status_reply_message, &reply);
    return 0;
}

/* --- the process ------------------------------------------------------------------ */

static int set_up(struct process *process, struct fail *why)
{
    struct proxy *proxy = ARENA_NEW(process->arena, struct proxy);

    process->state = proxy;
    proxy->process = process;
    proxy->tables = tables_new(process->conf);
    proxy->sni_maps = maps_open(proxy->tables, "tls_server_sni_maps",
                                process->conf->tls_server_sni_maps, TABLE_FILES);
    return proxy_settings(proxy, why);
}

static int start(struct process *process, struct fail *why)
{
    const struct proxy *proxy = process->state;

    (void)why;
    if (proxy->server[0].context && process->conf->smtpd_tls_session_cache_timeout > 0)
        tickets_start(proxy->tickets);
    return 0;
}

static int time_limit(const struct conf *conf)
{
    return conf->tlsproxy_watchdog_timeout;
}

static const struct request requests[] = {{"begin", answer_begin}, {0}};

static const struct service tlsproxy = {
    .name = "tlsproxy",
    .kind = SERVICE_MANY_CLIENTS,
    .before_jail = set_up,
    .after_jail = start,
    .time_limit = time_limit,
    .requests = requests,
    .flags = SERVICE_TAKES_FDS,
};

int main(int argc, char **argv)
{
    return service_run(&tlsproxy, argc, argv);
}
