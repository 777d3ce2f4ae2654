/*
 * anvil in trouble never stops mail: without an answer nobody is over a limit.
 */
#include "smtpd/limits.h"

#include "net/cidr.h"
#include "table/match.h"
#include "util/log.h"

static const struct {
    size_t limit;      /* where in struct conf */
    const char *words; /* in the log */
    enum reply reply;
} rules[CLIENT_EVENTS] = {
    [CLIENT_CONNECT] = {offsetof(struct conf, smtpd_client_connection_rate_limit),
                        "Connection rate", REPLY_TOO_MANY_CONNECTIONS},
    [CLIENT_MESSAGE] = {offsetof(struct conf, smtpd_client_message_rate_limit),
                        "Message delivery request rate", REPLY_TOO_MUCH_MAIL},
    [CLIENT_RECIPIENT] = {offsetof(struct conf, smtpd_client_recipient_rate_limit),
                          "Recipient address rate", REPLY_RECIPIENT_RATE},
    [CLIENT_NEW_TLS] = {offsetof(struct conf, smtpd_client_new_tls_session_rate_limit),
                        "New TLS session rate", REPLY_TOO_MANY_TLS_SESSIONS},
    [CLIENT_AUTH] = {offsetof(struct conf, smtpd_client_auth_rate_limit),
                     "AUTH command rate", REPLY_AUTH_RATE},
};

static int limit_of(const struct session *session, enum client_event event)
{
    const char *conf = (const char *)session->conf;

    return *(const int *)(conf + rules[event].limit);
}

/* The client as anvil knows it: an address block, so that a host with a whole
 * network of IPv6 addresses counts as one. */
static const char *client_block(struct session *session)
{
    const struct conf *conf = session->conf;
    bool ipv6 = session->peer.family == NETADDR_IPV6;
    int bits = ipv6 ? conf->smtpd_client_ipv6_prefix_length
                    : conf->smtpd_client_ipv4_prefix_length;
    struct cidr block = cidr_around(&session->peer, (unsigned)bits);
    char text[NETADDR_TEXT];

    if (bits >= (ipv6 ? 128 : 32))
        return session->address;
    return arena_copy(session->arena, cidr_text(&block, text));
}

static bool is_limited(struct session *session)
{
    struct fail why;
    int exempt;

    if (session->server->process->stand_alone)
        return false;
    if (session->conf->smtpd_client_connection_count_limit == 0) {
        int limits = 0;

        for (int event = 0; event < CLIENT_EVENTS; event++)
            if (rules[event].words)
                limits |= limit_of(session, (enum client_event)event);
        if (limits == 0)
            return false;
    }
    exempt = match_host(session->server->limit_exceptions, str_of(session->client.name),
                        str_of(session->address), &why);
    if (exempt < 0)
        log_warning("%s", why.text);
    return exempt <= 0;
}

/* One more event, or (request "look") none; false when nothing is known. */
static bool ask(struct session *session, const char *request, enum client_event event,
                struct client_counts *ret)
{
    struct client_did did = {.client = session->counted_as, .event = event};
    const struct ipc_exchange exchange = {request, &client_did_message, &did,
                                          &client_counts_message, ret};
    struct fail why;

    if (ipc_call(session->server->anvil, &exchange, session->command, &why) == 0)
        return true;
    log_warning("%s", why.text);
    session->counted_as = NULL;
    return false;
}

static bool over(struct session *session, const char *words, long long n, int limit,
                 enum reply reply)
{
    if (limit == 0 || n <= limit)
        return false;
    log_warning("%s limit exceeded: %lld from %s for service %s", words, n,
                session->client_text, session->server->process->name);
    if (reply == REPLY_TOO_MANY_CONNECTIONS)
        session_reply(session, reply, session->conf->myhostname, session->address);
    else if (reply == REPLY_TOO_MANY_TLS_SESSIONS)
        session_reply(session, reply, session->conf->myhostname, session->client_text);
    else
        session_reply(session, reply, session->address);
    return true;
}

void limits_begin(struct session *session)
{
    if (is_limited(session))
        session->counted_as =
            arena_printf(session->arena, "%s:%s", session->server->process->name,
                         client_block(session));
}

bool limits_connect(struct session *session)
{
    struct client_counts counts;

    if (!session->counted_as || !ask(session, "count", CLIENT_CONNECT, &counts))
        return false;
    session->connections = counts.connections;
    return over(session, "Connection concurrency", counts.connections,
                session->conf->smtpd_client_connection_count_limit,
                REPLY_TOO_MANY_CONNECTIONS) ||
           over(session, rules[CLIENT_CONNECT].words, counts.rate,
                limit_of(session, CLIENT_CONNECT), REPLY_TOO_MANY_CONNECTIONS);
}

void limits_disconnect(struct session *session)
{
    const struct client_gone gone = {.client = session->counted_as};
    struct stream *anvil;
    struct fail why;

    if (!session->counted_as)
        return;
    anvil = ipc_client_stream(session->server->anvil, &why);
    if (!anvil)
        return; /* anvil has forgotten the connection with ours to it */
    ipc_put_request(anvil, "disconnect", &client_gone_message, &gone);
    if (stream_flush(anvil) != STREAM_OK)
        ipc_client_close(session->server->anvil);
}

bool limits_exceeded(struct session *session, enum client_event event)
{
    struct client_counts counts;
    int limit = limit_of(session, event);

    return limit > 0 && session->counted_as && ask(session, "count", event, &counts) &&
           over(session, rules[event].words, counts.rate, limit, rules[event].reply);
}

bool limits_reached(struct session *session, enum client_event event)
{
    struct client_counts counts;
    int limit = limit_of(session, event);

    return limit > 0 && session->counted_as && ask(session, "look", event, &counts) &&
           counts.rate > limit;
}
