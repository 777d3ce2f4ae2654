/*
 * What follows from the outcome of a recipient: which log of the message it
 * goes to, what the mail log says, and whether the recipient is done.
 *
 *                   bounce  defer  trace                      done
 *   delivered                      -v, NOTIFY=SUCCESS, late   yes
 *   deferred                x      -v                         no
 *   bounced         x              -v                         yes
 *   address probe                  sendmail -bv               yes, and verify is told
 *
 * The order is that of src/queue/README.md: the log on disk, then the mark.
 */
#include "deliver/deliver.h"

#include "conf/mail_settings.h"
#include "deliver/filter.h"
#include "deliver/logs.h"
#include "deliver/rights.h"
#include "mail/maillog.h"
#include "queue/envelope.h"
#include "queue/verify.h"
#include "util/log.h"

static struct timeval time_of(int64_t us)
{
    return (struct timeval){.tv_sec = us / 1000000, .tv_usec = us % 1000000};
}

static void log_outcome(const struct delivery *delivery,
                        const struct delivery_recipient *recipient,
                        const struct outcome *outcome, const char *verdict)
{
    const struct deliver *request = &delivery->request;
    struct maillog_delivery line = {
        .queue_id = request->queue_id,
        .recipient = recipient->address,
        .orig_to = recipient->original,
        .relay = outcome->relay ? outcome->relay : delivery->process->name,
        .conn_use = delivery->conn_use,
        .tls = delivery->tls,
        .times = {.arrival = time_of(request->arrival_us),
                  .active = time_of(request->active_us),
                  .agent = time_of(delivery->started_us),
                  .connected = time_of(delivery->connected_us),
                  .done = clock_wall(&clock_system)},
        .status = outcome->status,
        .verdict = verdict,
        .text = outcome->text,
    };

    maillog_delivery(conf_log_style(delivery->process->conf), &line);
}

/* The mark is not worth a failure: without it the recipient may get the mail twice. */
void delivery_mark_done(struct delivery *delivery,
                        const struct delivery_recipient *recipient)
{
    struct fail why;

    if (!recipient->part && recipient->offset > 0 &&
        envelope_mark_done(delivery->fd, recipient->offset, &why) < 0)
        log_warning("%s: cannot mark <%s> as done, mail may arrive twice: %s",
                    delivery->request.queue_id, recipient->address, why.text);
}

/* 0, or -1 with a warning in the log. */
static int append(struct delivery *delivery, enum delivery_log which,
                  const struct delivery_recipient *recipient,
                  const struct outcome *outcome, const char *action)
{
    struct fail why;

    if (logs_append(delivery, which, recipient, outcome, action, &why) == 0)
        return 0;
    log_warning("%s: log of recipient <%s>: %s", delivery->request.queue_id,
                recipient->address, why.text);
    return -1;
}

/* In trace reports the reason names the way. A failure to log costs the report. */
void delivery_trace(struct delivery *delivery, const struct delivery_recipient *recipient,
                    const struct outcome *outcome, const char *action)
{
    struct outcome with_way = *outcome;

    with_way.text = arena_printf(
        delivery->arena, "delivery via %s: %s",
        outcome->relay ? outcome->relay : delivery->process->name, outcome->text);
    (void)!append(delivery, DELIVERY_LOG_TRACE, recipient, &with_way, action);
}

/* sendmail -v: the sender wants to read of every attempt. */
static void trace(struct delivery *delivery, const struct delivery_recipient *recipient,
                  const struct outcome *outcome, const char *action, bool asked)
{
    if (asked || delivery->request.trace_flags & TRACE_RECORD)
        delivery_trace(delivery, recipient, outcome, action);
}

/* Who was told that the message is late may want to hear that it is not any more. */
static bool wants_success(const struct delivery *delivery,
                          const struct delivery_recipient *recipient)
{
    return recipient->notify & NOTIFY_SUCCESS ||
           (delivery->request.trace_flags & TRACE_DELAY_CLEARED &&
            !(recipient->notify & NOTIFY_NEVER));
}

static void report_delivered(struct delivery *delivery,
                             const struct delivery_recipient *recipient,
                             const struct outcome *outcome)
{
    trace(delivery, recipient, outcome, outcome->action ? outcome->action : "delivered",
          wants_success(delivery, recipient));
    log_outcome(delivery, recipient, outcome, "sent");
    delivery_mark_done(delivery, recipient);
}

static void report_deferred(struct delivery *delivery,
                            const struct delivery_recipient *recipient,
                            const struct outcome *outcome, const char *verdict)
{
    trace(delivery, recipient, outcome, "delayed", false);
    if (append(delivery, DELIVERY_LOG_DEFER, recipient, outcome, "delayed") < 0)
        delivery->unlogged++; /* it must not expire unseen */
    log_outcome(delivery, recipient, outcome, verdict);
    delivery->deferred++;
}

static void report_bounced(struct delivery *delivery,
                           const struct delivery_recipient *recipient,
                           const struct outcome *outcome)
{
    if (append(delivery, DELIVERY_LOG_BOUNCE, recipient, outcome, "failed") < 0) {
        struct outcome later =
            outcome_make(delivery->arena, "4.3.0", "bounce or trace service failure");

        later.relay = outcome->relay;
        report_deferred(delivery, recipient, &later, "deferred");
        return;
    }
    trace(delivery, recipient, outcome, "failed", false);
    log_outcome(delivery, recipient, outcome, "bounced");
    delivery_mark_done(delivery, recipient);
}

static enum verify_status verify_status_of(enum outcome_result result)
{
    return result == OUTCOME_DELIVERED ? VERIFY_DELIVERABLE
           : result == OUTCOME_BOUNCED ? VERIFY_BOUNCED
                                       : VERIFY_DEFERRED;
}

/* verify is told of the address that it was asked about, and of what became of it. */
static void tell_verify(struct delivery *delivery,
                        const struct delivery_recipient *recipient,
                        const struct outcome *outcome)
{
    struct ipc_client *verify = verify_client(delivery->process->conf);
    enum verify_status status = verify_status_of(outcome->result);
    bool other =
        *recipient->original && strcmp(recipient->original, recipient->address) != 0;
    struct fail why;

    rights_give_back(delivery);
    if ((other &&
         verify_tell(verify, recipient->original, status, outcome->text, &why) < 0) ||
        verify_tell(verify, recipient->address, status, outcome->text, &why) < 0)
        log_warning("%s: %s", delivery->request.queue_id, why.text);
    ipc_client_free(verify);
}

/* A probe is answered once, whatever the answer is. */
static void report_probe(struct delivery *delivery,
                         const struct delivery_recipient *recipient,
                         const struct outcome *outcome)
{
    const char *verdict =
        outcome->result == OUTCOME_DELIVERED ? "deliverable" : "undeliverable";

    if (delivery->request.trace_flags & TRACE_PROBE_USER)
        delivery_trace(delivery, recipient, outcome, verdict);
    if (delivery->request.trace_flags & TRACE_PROBE_MTA)
        tell_verify(delivery, recipient, outcome);
    log_outcome(delivery, recipient, outcome, verdict);
    delivery_mark_done(delivery, recipient);
}

void delivery_report(struct delivery *delivery, struct delivery_recipient *recipient,
                     const struct outcome *outcome)
{
    struct outcome filtered = delivery_filter(delivery, outcome);

    if (recipient->reported)
        panic("%s: second outcome for <%s>", delivery->request.queue_id,
              recipient->address);
    recipient->reported = true;
    if (delivery->request.flags & DELIVER_PROBE) {
        report_probe(delivery, recipient, &filtered);
        return;
    }
    switch (filtered.result) {
    case OUTCOME_DELIVERED:
        report_delivered(delivery, recipient, &filtered);
        break;
    case OUTCOME_DEFERRED:
        report_deferred(delivery, recipient, &filtered, "deferred");
        break;
    case OUTCOME_BOUNCED:
        if (!delivery->process->conf->soft_bounce) {
            report_bounced(delivery, recipient, &filtered);
            break;
        }
        outcome_soften(&filtered);
        report_deferred(delivery, recipient, &filtered, "SOFTBOUNCE");
        break;
    }
}

void delivery_report_rest(struct delivery *delivery, const struct outcome *outcome)
{
    for (size_t i = 0; i < delivery->n; i++)
        if (!delivery->recipients[i].reported)
            delivery_report(delivery, &delivery->recipients[i], outcome);
}
