/*
 * Connections to the delivery agents of a transport, kept as long as there is
 * work for them. An agent is one process that takes one request at a time; how
 * many there may be is master's business: a connection that no process takes
 * stays pending, and costs nothing.
 */
#include "ipc/channel.h"
#include "ipc/messages.h"
#include "qmgr/transport.h"
#include "util/log.h"
#include "util/memory.h"

#include <errno.h>
#include <stdio.h>

enum { PENDING_MAX = 2, CONNECT_AGAIN_MS = 1000 };

enum agent_state { AGENT_PENDING, AGENT_IDLE, AGENT_BUSY };

struct agent {
    struct transport *transport;
    struct channel *channel;
    enum agent_state state;
    struct entry *entry; /* of a busy one */
    int64_t idle_since_ms;
    struct agent *next, **from;           /* all of the transport */
    struct agent *next_idle, **from_idle; /* when idle */
};

/* --- lists --------------------------------------------------------------------- */

static void link_idle(struct agent *agent)
{
    struct transport *transport = agent->transport;

    agent->state = AGENT_IDLE;
    agent->idle_since_ms = loop_now_ms(transport->manager->loop);
    agent->next_idle = transport->idle;
    agent->from_idle = &transport->idle;
    if (agent->next_idle)
        agent->next_idle->from_idle = &agent->next_idle;
    transport->idle = agent;
}

static void unlink_idle(struct agent *agent)
{
    *agent->from_idle = agent->next_idle;
    if (agent->next_idle)
        agent->next_idle->from_idle = agent->from_idle;
}

static struct agent *agent_new(struct transport *transport)
{
    struct agent *agent = MEMORY_NEW(struct agent);

    *agent = (struct agent){
        .transport = transport, .next = transport->agents, .from = &transport->agents};
    if (agent->next)
        agent->next->from = &agent->next;
    transport->agents = agent;
    transport->pending++;
    return agent;
}

static void agent_free(struct agent *agent)
{
    if (agent->state == AGENT_IDLE)
        unlink_idle(agent);
    if (agent->state == AGENT_PENDING)
        agent->transport->pending--;
    *agent->from = agent->next;
    if (agent->next)
        agent->next->from = agent->from;
    free(agent);
}

/* --- idle ones ----------------------------------------------------------------- */

static void sweep(void *context);

static void set_sweep(struct transport *transport)
{
    struct manager *manager = transport->manager;

    if (!transport->sweep && transport->idle)
        transport->sweep =
            loop_timer(manager->loop, manager->conf->ipc_idle * 1000L, sweep, transport);
}

/* Let go of agents that had nothing to do for $ipc_idle. */
static void sweep(void *context)
{
    struct transport *transport = context;
    int64_t limit = loop_now_ms(transport->manager->loop) -
                    transport->manager->conf->ipc_idle * 1000L;

    transport->sweep = NULL;
    for (struct agent *agent = transport->idle, *next; agent; agent = next) {
        next = agent->next_idle;
        if (agent->idle_since_ms > limit)
            continue;
        channel_close(agent->channel);
        agent_free(agent);
    }
    set_sweep(transport);
}

struct agent *agent_idle(const struct transport *transport)
{
    return transport->idle;
}

static void becomes_idle(struct agent *agent)
{
    struct transport *transport = agent->transport;

    link_idle(agent);
    set_sweep(transport);
}

/* --- what connections tell ----------------------------------------------------- */

static void agent_ready(void *context)
{
    struct agent *agent = context;

    agent->transport->pending--;
    becomes_idle(agent);
    transport_run(agent->transport);
}

/* The entry of a busy agent, which is busy no more. */
static struct entry *take_entry(struct agent *agent)
{
    struct entry *entry = agent->entry;

    agent->entry = NULL;
    entry->peer->batch->message->in_delivery--;
    return entry;
}

/* Is this an answer to the request that the agent has? */
static int decode(const struct agent *agent, struct str bytes, struct arena *arena,
                  struct delivered *ret, struct fail *why)
{
    if (agent->state != AGENT_BUSY)
        return fail_set(why, "answer without a request");
    if (ipc_decode(&bytes, &delivered_message, arena, ret, why) < 0)
        return -1;
    if (ret->deferred < 0 || ret->deferred > (long long)agent->entry->n ||
        ret->unlogged < 0 || ret->unlogged > ret->deferred)
        return fail_set(why, "answer with impossible numbers");
    return 0;
}

/* The connection can't be trusted any more. */
static void makes_no_sense(struct agent *agent, const struct fail *why)
{
    struct entry *entry = agent->state == AGENT_BUSY ? take_entry(agent) : NULL;

    log_warning("transport %s: %s", agent->transport->name, why->text);
    channel_close(agent->channel);
    agent_free(agent);
    if (entry)
        entry_lost(entry);
}

static void answered(void *context, struct str bytes)
{
    struct agent *agent = context;
    struct arena *arena = arena_new("answer");
    struct delivered answer;
    struct fail why;

    if (decode(agent, bytes, arena, &answer, &why) < 0) {
        makes_no_sense(agent, &why);
    } else {
        struct entry *entry = take_entry(agent);

        becomes_idle(agent);
        entry_done(entry, &answer);
    }
    arena_free(arena);
}

static void busy_agent_gone(struct transport *transport, struct entry *entry, bool unread,
                            const char *reason)
{
    if (unread) { /* it ended between two requests, as agents do */
        entry_return(entry);
        return;
    }
    log_warning("transport %s: a delivery agent ended in the middle of a delivery (%s): "
                "see what it logged before",
                transport->name, reason);
    entry_lost(entry);
}

static void agent_gone(void *context, bool unread, const char *reason)
{
    struct agent *agent = context;
    struct transport *transport = agent->transport;
    enum agent_state state = agent->state;
    struct entry *entry = state == AGENT_BUSY ? take_entry(agent) : NULL;

    agent_free(agent);
    if (state == AGENT_BUSY) {
        busy_agent_gone(transport, entry, unread, reason);
    } else if (state == AGENT_PENDING && !transport->manager->retiring) {
        log_warning("transport %s: a delivery agent ended before it took a request "
                    "(%s): see what it logged before",
                    transport->name, reason);
        transport_throttle(transport, "4.3.0", "unknown mail transport error");
    }
}

static const struct channel_owner channel_owner = {
    .ready = agent_ready, .message = answered, .gone = agent_gone};

/* --- calling for more ---------------------------------------------------------- */

static void call_again(void *context)
{
    struct transport *transport = context;

    transport->again = NULL;
    transport_run(transport);
}

static void cannot_connect(struct transport *transport, const char *path,
                           const struct fail *why)
{
    if (why->code == EAGAIN) { /* too many wait at the socket */
        if (transport->pending == 0)
            transport->again = loop_timer(transport->manager->loop, CONNECT_AGAIN_MS,
                                          call_again, transport);
        return;
    }
    log_warning("connect to transport %s: %s", path, why->text);
    transport_throttle(transport, "4.3.0", "mail transport unavailable");
}

/* Is there work for more agents than are on their way? */
static bool is_wanted(const struct transport *transport)
{
    const struct job *job = lineup_next(&transport->jobs, &transport->turns);

    if (transport->pending == 0)
        return true;
    return transport->pending < PENDING_MAX &&
           (transport->jobs.n > transport->pending || job->waiting > transport->pending);
}

void agent_call(struct transport *transport)
{
    char path[200];
    struct agent *agent;
    struct fail why;

    if (transport->again || !is_wanted(transport))
        return;
    snprintf(path, sizeof(path), "private/%s", transport->name);
    agent = agent_new(transport);
    agent->channel =
        channel_open(transport->manager->loop, path, NULL, &channel_owner, agent, &why);
    if (agent->channel)
        return;
    agent_free(agent);
    cannot_connect(transport, path, &why);
}

/* --- a request ----------------------------------------------------------------- */

static int64_t microseconds(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

/* What logs and next hops shall see of the client: forwarded by XFORWARD, or the real
 * one. */
static const char *either(const char *forwarded, const char *real)
{
    return *forwarded ? forwarded : real;
}

static int flags_of(const struct message *message, const struct entry *entry,
                    struct timeval now)
{
    const struct envelope *envelope = &message->envelope;
    int flags = 0;

    if (message_is_last_try(message, now.tv_sec))
        flags |= DELIVER_LAST_TRY;
    if (envelope->trace_flags & TRACE_RECORD)
        flags |= DELIVER_TRACE;
    if (envelope->trace_flags & (TRACE_PROBE_MTA | TRACE_PROBE_USER))
        flags |= DELIVER_PROBE;
    if (entry->peer->destination->waiting > 0)
        flags |= DELIVER_REUSE;
    if (envelope->size.smtputf8 & SIZE_SMTPUTF8)
        flags |= DELIVER_UTF8;
    if (envelope->size.smtputf8 & SIZE_UTF8_HEADER)
        flags |= DELIVER_UTF8_HEADER;
    if (envelope->size.smtputf8 & SIZE_TLS_NOT_REQUIRED)
        flags |= DELIVER_TLS_NOT_REQUIRED;
    return flags;
}

static void add_request(struct buf *out, const struct entry *entry)
{
    const struct message *message = entry->peer->batch->message;
    const struct envelope *envelope = &message->envelope;
    const struct destination *destination = entry->peer->destination;
    struct timeval now = manager_now(message->manager);
    struct deliver request = {
        .flags = flags_of(message, entry, now),
        .queue_name = QUEUE_ACTIVE,
        .queue_id = message->id,
        .data_offset = envelope->size.content_offset,
        .data_size = message_size(message),
        .transport = destination->transport->name,
        .nexthop = destination->nexthop,
        .encoding = envelope->encoding,
        .sender = envelope->sender,
        .envelope_id = envelope->envelope_id,
        .ret_flags = envelope->ret,
        .trace_flags = envelope->trace_flags,
        .arrival_us = microseconds(envelope->arrival),
        .active_us = microseconds(message->active),
        .agent_us = microseconds(now),
        .rewrite_context = envelope->rewrite_context,
        .client_name = either(envelope->log_client_name, envelope->client_name),
        .client_address = either(envelope->log_client_address, envelope->client_address),
        .client_port = either(envelope->log_client_port, envelope->client_port),
        .client_protocol = either(envelope->log_protocol_name, envelope->protocol_name),
        .client_helo = either(envelope->log_helo_name, envelope->helo_name),
        .sasl_method = envelope->sasl_method,
        .sasl_username = envelope->sasl_username,
        .sasl_sender = envelope->sasl_sender,
        .log_ident = envelope->log_ident,
        .recipients = (long long)entry->n,
    };

    ipc_add_request(out, "deliver", &deliver_message, &request);
}

static void add_recipients(struct buf *out, const struct entry *entry)
{
    for (size_t i = 0; i < entry->n; i++) {
        const struct recipient *recipient = entry->targets[i]->recipient;

        ipc_add(out, &deliver_recipient_message,
                &(struct deliver_recipient){.address = recipient->address,
                                            .original = recipient->original,
                                            .offset = recipient->offset,
                                            .orcpt = recipient->dsn_orig_rcpt,
                                            .notify = recipient->notify});
    }
}

bool agent_deliver(struct agent *agent, struct entry *entry, struct fail *why)
{
    struct message *message = entry->peer->batch->message;
    int fd = message_file(message, why);

    if (fd < 0)
        return false;
    unlink_idle(agent);
    agent->state = AGENT_BUSY;
    agent->entry = entry;
    message->in_delivery++;
    add_request(channel_output(agent->channel), entry);
    add_recipients(channel_output(agent->channel), entry);
    channel_send(agent->channel, fd);
    return true;
}

void agents_close(struct transport *transport)
{
    loop_cancel(transport->manager->loop, transport->sweep);
    loop_cancel(transport->manager->loop, transport->again);
    transport->sweep = transport->again = NULL;
    for (struct agent *agent = transport->agents, *next; agent; agent = next) {
        next = agent->next;
        channel_close(agent->channel);
        agent_free(agent);
    }
}
