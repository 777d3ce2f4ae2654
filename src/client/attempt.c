/*
 * Who is asked next, and when the answer counts. A host that says "not now",
 * or cannot be reached, leaves its recipients to the next host; what the last
 * one says is what is reported. A refusal for good is reported at once.
 */
#include "client/attempt.h"

#include "client/login.h"
#include "client/message.h"
#include "client/transaction.h"
#include "deliver/pass.h"
#include "queue/envelope.h"
#include "util/log.h"

struct attempt {
    struct agent *agent;
    const struct client_settings *settings;
    struct delivery *delivery;
    struct arena *arena;
    struct transaction transaction; /* its recipients hold the outcomes so far */
    size_t left;                    /* recipients without a report */
    bool unsaid;         /* what the last host said about them is in no log yet */
    const char *trouble; /* why the last host or next hop could not be used; or NULL */
    bool ours;           /* we are a mail exchanger of the destination */
    struct session *session; /* open after the last transaction, or NULL */
};

/* --- the message -------------------------------------------------------------------- */

/* Content that says it is 7-bit, or is known to be, needs no conversion. */
static bool needs_conversion(const struct attempt *attempt)
{
    return attempt->settings->convert && attempt->transaction.encoding != ENCODING_7BIT &&
           !(attempt->session->features & FEATURE_8BITMIME);
}

static int write_message(void *context, struct content *content, struct fail *why)
{
    struct attempt *attempt = context;
    const struct outgoing *outgoing = &attempt->agent->outgoing;
    struct message message = {
        .delivery = attempt->delivery,
        .outgoing = outgoing_has_content_rules(outgoing) ? outgoing : NULL,
        .front = attempt->agent->front,
        .to_7bit = needs_conversion(attempt),
        .server = attempt->session->label,
    };

    return message_write(&message, content, why);
}

static enum transaction_encoding encoding_of(const char *encoding)
{
    if (str_is_nocase(str_of(encoding), "8bit"))
        return ENCODING_8BIT;
    return str_is_nocase(str_of(encoding), "7bit") ? ENCODING_7BIT : ENCODING_UNKNOWN;
}

static enum transaction_probe probe_of(const struct attempt *attempt)
{
    if (!(attempt->delivery->request.flags & DELIVER_PROBE))
        return PROBE_NO;
    return attempt->settings->probe_to_data ? PROBE_DATA : PROBE_RCPT;
}

static const struct xforward *xforward_of(const struct attempt *attempt)
{
    const struct deliver *request = &attempt->delivery->request;
    struct xforward *client = ARENA_NEW(attempt->arena, struct xforward);
    bool named = strcmp(request->client_name, "unknown") != 0;

    *client = (struct xforward){
        .name = named ? request->client_name : NULL,
        .address = request->client_address,
        .port = request->client_port,
        .protocol = request->client_protocol,
        .helo = request->client_helo,
        .ident = request->log_ident,
        .source = strcmp(request->rewrite_context, "local") == 0 ? "LOCAL" : "REMOTE",
    };
    return attempt->settings->send_xforward ? client : NULL;
}

static void make_transaction(struct attempt *attempt)
{
    struct delivery *delivery = attempt->delivery;
    const struct deliver *request = &delivery->request;
    struct transaction_recipient *recipients =
        arena_array(attempt->arena, delivery->n, sizeof *recipients);

    for (size_t i = 0; i < delivery->n; i++)
        recipients[i] = (struct transaction_recipient){
            .address = delivery->recipients[i].address,
            .orcpt = delivery->recipients[i].orcpt,
            .notify = delivery->recipients[i].notify,
            .context = &delivery->recipients[i],
        };
    attempt->left = delivery->n;
    attempt->transaction = (struct transaction){
        .probe = probe_of(attempt),
        .xforward = xforward_of(attempt),
        .queue_id = request->queue_id,
        .sender = request->sender,
        .size = request->data_size,
        .encoding = encoding_of(request->encoding),
        .envelope_id = request->envelope_id,
        .ret_full = request->ret_flags & RET_FULL,
        .ret_headers = request->ret_flags & RET_HEADERS,
        .utf8 = request->flags & DELIVER_UTF8,
        .utf8_header = request->flags & DELIVER_UTF8_HEADER,
        .recipients = recipients,
        .n = delivery->n,
        .write = write_message,
        .context = attempt,
    };
}

/*
 * The envelope as it leaves: smtp_generic_maps. -1 = a table cannot be read, and
 * the recipients wait.
 */
static int map_envelope(struct attempt *attempt)
{
    const struct outgoing *outgoing = &attempt->agent->outgoing;
    struct transaction *t = &attempt->transaction;
    const char *address = t->sender;
    struct fail why;

    t->sender = outgoing_address(outgoing, address, attempt->arena, &why);
    for (size_t i = 0; t->sender && i < t->n; i++) {
        address = t->recipients[i].address;
        t->recipients[i].address =
            outgoing_address(outgoing, address, attempt->arena, &why);
        if (t->recipients[i].address == NULL)
            break;
        if (i + 1 == t->n)
            return 0;
    }
    log_warning("%s", why.text);
    log_warning("%s: %s map lookup problem for %s", attempt->delivery->request.queue_id,
                maps_param(outgoing->generic), address);
    return -1;
}

/* --- outcomes -------------------------------------------------------------------------
 */

/* The next hop has taken over the duty to report success: RFC 3461 section 5.2.2. */
static void pass_on_duty(const struct attempt *attempt,
                         struct delivery_recipient *recipient, struct outcome *outcome)
{
    if (outcome->result != OUTCOME_DELIVERED)
        return;
    if (attempt->session->features & FEATURE_DSN)
        recipient->notify &= ~NOTIFY_SUCCESS;
    else if (!attempt->agent->final)
        outcome->action = "relayed";
}

/* May another host give a better answer than this? */
static bool may_improve(const struct attempt *attempt,
                        const struct transaction_recipient *r)
{
    return r->outcome.result == OUTCOME_DEFERRED ||
           (r->outcome.result == OUTCOME_BOUNCED &&
            (r->of_host || attempt->delivery->process->conf->soft_bounce));
}

static void report(struct attempt *attempt, struct transaction_recipient *r)
{
    r->state = RECIPIENT_ENDED;
    delivery_report(attempt->delivery, r->context, &r->outcome);
    attempt->left--;
}

/* Report what no other host can better; the others wait again, with their outcome. */
static void settle(struct attempt *attempt)
{
    for (size_t i = 0; i < attempt->transaction.n; i++) {
        struct transaction_recipient *r = &attempt->transaction.recipients[i];
        struct delivery_recipient *recipient = r->context;

        if (recipient->reported)
            continue;
        if (may_improve(attempt, r)) {
            r->state = RECIPIENT_WAITING;
            attempt->unsaid = true;
        } else {
            pass_on_duty(attempt, recipient, &r->outcome);
            report(attempt, r);
        }
    }
}

/* A host or next hop could not be used: that holds for all who still wait. */
static void fail_rest(struct attempt *attempt, const struct outcome *failure)
{
    struct outcome outcome = *failure;

    if (outcome.relay == NULL)
        outcome.relay = "none";
    attempt->trouble = outcome.text;
    for (size_t i = 0; i < attempt->transaction.n; i++)
        if (attempt->transaction.recipients[i].state != RECIPIENT_ENDED)
            attempt->transaction.recipients[i].outcome = outcome;
}

static void report_rest(struct attempt *attempt)
{
    for (size_t i = 0; i < attempt->transaction.n; i++) {
        struct transaction_recipient *r = &attempt->transaction.recipients[i];

        if (r->state == RECIPIENT_ENDED)
            continue;
        if (r->outcome.text == attempt->trouble && r->outcome.result == OUTCOME_DEFERRED)
            delivery_destination_trouble(attempt->delivery, r->outcome.status,
                                         attempt->trouble);
        report(attempt, r);
    }
}

/* Does an earlier recipient wait for the same reason? */
static bool is_said(const struct transaction *transaction, size_t i)
{
    const char *text = transaction->recipients[i].outcome.text;

    for (size_t k = 0; k < i; k++)
        if (transaction->recipients[k].state != RECIPIENT_ENDED &&
            transaction->recipients[k].outcome.text == text)
            return true;
    return false;
}

/* Before another host is asked: log what this one said, once for all that share it. */
static void move_on(struct attempt *attempt)
{
    const struct transaction *transaction = &attempt->transaction;

    for (size_t i = 0; attempt->unsaid && i < transaction->n; i++)
        if (transaction->recipients[i].state != RECIPIENT_ENDED &&
            !is_said(transaction, i))
            log_info("%s: %s", attempt->delivery->request.queue_id,
                     transaction->recipients[i].outcome.text);
    attempt->unsaid = false;
    attempt->trouble = NULL;
    attempt->delivery->conn_use = 0;
    attempt->delivery->connected_us = 0;
}

/* --- sessions
 * ---------------------------------------------------------------------------- */

/* Is the next hop in smtp_connection_cache_destinations: as domain, host or path? */
static bool is_listed(const struct attempt *attempt)
{
    struct str rest = str_of(attempt->delivery->request.nexthop);
    struct destination destination;
    struct fail why;

    if (match_list_empty(attempt->agent->reuse_destinations) ||
        destination_parse(attempt->settings, str_word(&rest, ", \t\r\n"), attempt->arena,
                          &destination, &why) < 0)
        return false;
    return match_domain(attempt->agent->reuse_destinations,
                        str_of(destination.path ? destination.path : destination.domain),
                        &why) > 0;
}

static bool reuse_is_wanted(const struct attempt *attempt)
{
    const struct client_reuse *reuse = &attempt->settings->reuse;
    const struct login_settings *login = attempt->settings->login;

    /* the next message may have another sender, who logs in as somebody else */
    return !(login && login->by_sender) && reuse->keep_s > 0 &&
           ((reuse->on_demand && attempt->delivery->request.flags & DELIVER_REUSE) ||
            is_listed(attempt));
}

static bool may_be_reused(const struct attempt *attempt, const struct session *session)
{
    const struct client_reuse *reuse = &attempt->settings->reuse;
    int64_t age_ms = clock_ms(&clock_system) - session->opened_ms;

    return !session->broken && !session->spent && !session->quit_sent &&
           age_ms < (int64_t)reuse->age_limit_s * 1000 &&
           (reuse->count_limit == 0 || session->transactions < reuse->count_limit);
}

static void end_session(struct attempt *attempt)
{
    session_close(attempt->session);
    attempt->session = NULL;
}

/* The conversation broke: all who wait share the reason. */
static void note_trouble(struct attempt *attempt)
{
    for (size_t i = 0; i < attempt->transaction.n; i++)
        if (attempt->transaction.recipients[i].state != RECIPIENT_ENDED)
            attempt->trouble = attempt->transaction.recipients[i].outcome.text;
}

/*
 * Mail that reports about mail: a notice about its delivery could be the next to
 * meet the same server, without end.
 */
static bool is_report(const struct attempt *attempt)
{
    const struct conf *conf = attempt->delivery->process->conf;
    struct str rest = str_of(attempt->delivery->request.sender);
    struct str user = str_until(&rest, '@');

    return user.n == 0 || (str_eq_nocase(rest, str_of(conf->myorigin)) &&
                           (str_is_nocase(user, conf->double_bounce_sender) ||
                            str_is_nocase(user, "mailer-daemon")));
}

/* Have the session carry the message. */
static void use_session(struct attempt *attempt)
{
    struct session *session = attempt->session;
    enum session_end end;

    attempt->delivery->conn_use = session->transactions + 1;
    attempt->transaction.last = !reuse_is_wanted(attempt) || session->tls_waived ||
                                (session->tls && !session->policy.reuse);
    session->quiet = is_report(attempt);
    end = transaction_run(session, &attempt->transaction, attempt->arena);
    settle(attempt);
    if (end != SESSION_FINE)
        note_trouble(attempt);
    if (attempt->left > 0 || attempt->transaction.last ||
        !may_be_reused(attempt, session))
        end_session(attempt);
}

static void note_connected(struct delivery *delivery)
{
    struct timeval now = clock_wall(&clock_system);

    delivery->connected_us = (int64_t)now.tv_sec * 1000000 + now.tv_usec;
}

/* Who keeps TLS from beginning shall not hear a password for it. */
static bool may_go_in_clear(const struct session_plan *plan)
{
    const struct login_peer peer = {plan->host->name, plan->destination->nexthop,
                                    plan->sender};

    return !login_has_password(plan->settings->login, &peer);
}

/* One host, by a new session. True = it completed the handshake. */
static bool try_host(struct attempt *attempt, const struct destination *destination,
                     const struct route_host *host)
{
    const struct deliver *request = &attempt->delivery->request;
    struct session_plan plan = {
        .settings = attempt->settings,
        .destination = destination,
        .host = host,
        .queue_id = request->queue_id,
        .sender = request->sender,
        .message_age_s = (attempt->delivery->started_us - request->arrival_us) / 1000000,
        .quiet = is_report(attempt),
        .tls_waived = request->flags & DELIVER_TLS_NOT_REQUIRED,
    };
    struct outcome failure;
    enum session_end end;

    move_on(attempt);
    end = session_open(&plan, attempt->agent->sessions, &attempt->session, &failure);
    if (end == SESSION_NO_TLS && may_go_in_clear(&plan)) {
        log_info("%s: %s", request->queue_id, failure.text);
        plan.in_clear = true;
        end = session_open(&plan, attempt->agent->sessions, &attempt->session, &failure);
    }
    if (end == SESSION_FINE) {
        note_connected(attempt->delivery);
        use_session(attempt);
        return true;
    }
    if (end == SESSION_NO_CONNECTION && destination->path == NULL)
        log_info("%s", failure.text); /* it concerns the host, not the message */
    fail_rest(attempt, &failure);
    if (end != SESSION_NO_CONNECTION)
        settle(attempt); /* a refusal for good is no business of other hosts */
    return false;
}

/* The session that stayed open, if it is still good. */
static void try_kept(struct attempt *attempt)
{
    struct kept_session *kept = &attempt->agent->kept;

    attempt->session = kept->session;
    kept->session = NULL;
    if (session_reset(attempt->session, attempt->arena))
        use_session(attempt);
    else
        end_session(attempt);
}

/* --- next hops
 * ----------------------------------------------------------------------------- */

static void try_hosts(struct attempt *attempt, const struct destination *destination,
                      const struct route *route)
{
    int limit = attempt->settings->mx_session_limit, sessions = 0;

    for (size_t i = 0; i < route->n && attempt->left > 0; i++) {
        sessions += try_host(attempt, destination, &route->hosts[i]);
        if (limit > 0 && sessions == limit)
            return;
    }
}

/*
 * parameter: the one that names this next hop, when it is our configuration
 * that does: then mail waits until it is repaired, else NULL.
 */
static void fail_nexthop(struct attempt *attempt, const char *parameter,
                         struct outcome *failure)
{
    if (parameter != NULL && failure->result == OUTCOME_BOUNCED) {
        log_warning("%s configuration problem", parameter);
        *failure = outcome_make(attempt->arena, "4.3.5", "%s", failure->text);
    }
    fail_rest(attempt, failure);
}

/* best_mx_transport: we are the best exchanger, so that mail is ours to deliver. */
static void pass_on(struct attempt *attempt)
{
    struct outcome failure;
    struct fail why;

    if (delivery_pass(attempt->delivery, attempt->settings->best_mx_transport, &why) ==
        0) {
        attempt->left = 0;
        for (size_t i = 0; i < attempt->transaction.n; i++)
            attempt->transaction.recipients[i].state = RECIPIENT_ENDED;
        return;
    }
    log_warning("best_mx_transport: %s", why.text);
    failure = outcome_make(attempt->arena, "4.3.0", "mail transport unavailable");
    fail_rest(attempt, &failure);
}

static void try_nexthop(struct attempt *attempt, struct str nexthop,
                        const char *parameter)
{
    struct destination destination;
    struct route route = {0};
    struct outcome failure;
    struct fail why;

    move_on(attempt);
    if (destination_parse(attempt->settings, nexthop, attempt->arena, &destination,
                          &why) < 0) {
        log_warning("%s: %s", attempt->delivery->request.queue_id, why.text);
        failure =
            outcome_make(attempt->arena, "4.3.5", "mail system configuration error");
        fail_rest(attempt, &failure);
        return;
    }
    if (route_find(attempt->settings, &destination, attempt->arena, &route, &failure) ==
        0)
        try_hosts(attempt, &destination, &route);
    else if (route.loops && attempt->settings->best_mx_transport[0] && parameter == NULL)
        pass_on(attempt);
    else
        fail_nexthop(attempt, parameter, &failure);
    attempt->ours = attempt->ours || route.ours;
}

static void try_all(struct attempt *attempt)
{
    const struct client_settings *settings = attempt->settings;
    struct texts nexthops = {0}, fallbacks = {0};

    texts_split(&nexthops, attempt->arena, str_of(attempt->delivery->request.nexthop),
                ", \t\r\n");
    texts_split(&fallbacks, attempt->arena, str_of(settings->fallback_relay), ", \t\r\n");
    for (size_t i = 0; i < nexthops.n && attempt->left > 0; i++)
        try_nexthop(attempt, str_of(nexthops.items[i]),
                    strcmp(nexthops.items[i], settings->relayhost) == 0 ? "relayhost"
                                                                        : NULL);
    for (size_t i = 0; i < fallbacks.n && attempt->left > 0 && !attempt->ours; i++)
        try_nexthop(attempt, str_of(fallbacks.items[i]),
                    settings->lmtp ? "lmtp_fallback_relay" : "smtp_fallback_relay");
}

/* Everybody waits, or fails, before anybody was asked. */
static void fail_all(struct attempt *attempt, struct outcome outcome)
{
    outcome.relay = attempt->delivery->process->name;
    fail_rest(attempt, &outcome);
    attempt->trouble = NULL; /* it is no fault of the destination */
}

/*
 * Lines in front that name the recipient, and the loops that they show. False =
 * the message is not to be sent.
 */
static bool check_front(struct attempt *attempt)
{
    struct delivery *delivery = attempt->delivery;
    unsigned front = attempt->agent->front;
    struct texts delivered_to = {0};
    enum copy_result result;
    struct fail why;

    if (front & (COPY_DELIVERED_TO | COPY_ORIGINAL_TO) && delivery->n > 1) {
        log_warning("flag %c requires %s_destination_recipient_limit = 1",
                    front & COPY_DELIVERED_TO ? 'D' : 'O', delivery->process->name);
        return false;
    }
    if (!(front & COPY_DELIVERED_TO))
        return true;
    result = copy_delivered_to(delivery, &delivered_to, attempt->arena, &why);
    if (result != COPY_DONE)
        fail_all(attempt, copy_read_failure(delivery, result, &why));
    else if (copy_was_delivered_to(&delivered_to, delivery->recipients[0].address,
                                   attempt->arena))
        fail_all(attempt,
                 outcome_make(attempt->arena, "5.4.6", "mail forwarding loop for %s",
                              delivery->recipients[0].address));
    else
        return true;
    return false;
}

struct session *attempt_delivery(struct agent *agent, struct delivery *delivery)
{
    struct attempt attempt = {.agent = agent,
                              .settings = &agent->settings,
                              .delivery = delivery,
                              .arena = delivery->arena};

    make_transaction(&attempt);
    fail_all(&attempt,
             outcome_make(attempt.arena, "4.3.5", "mail system configuration error"));
    if (check_front(&attempt) && map_envelope(&attempt) == 0) {
        if (agent->kept.session)
            try_kept(&attempt);
        if (attempt.left > 0)
            try_all(&attempt);
    }
    report_rest(&attempt);
    return attempt.session;
}
