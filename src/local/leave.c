/*
 * Mail that leaves: addresses of other machines, members of lists with an
 * owner, and all that .forward and :include: files name. It goes into a new
 * message for each sender, once all else is delivered, so that a recipient that
 * is deferred has sent nothing yet.
 */
#include "local/local.h"

#include "deliver/rights.h"
#include "mail/address.h"
#include "mail/header.h"
#include "queue/envelope.h"
#include "queue/record.h"
#include "queue/submit.h"
#include "util/log.h"

struct departure {
    const char *sender;       /* of a list; NULL = the message's */
    const char *delivered_to; /* its Delivered-To: line */
    const char *original;
    struct texts recipients;
};

/* --- gathering ---------------------------------------------------------------------- */

static bool same_sender(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static struct departure *departure_of(struct attempt *attempt, const struct step *step)
{
    struct departure *d;

    for (size_t i = 0; i < attempt->leaving.n; i++) {
        d = attempt->leaving.items[i];
        if (same_sender(d->sender, step->sender))
            return d;
    }
    d = ARENA_NEW(attempt->arena, struct departure);
    *d = (struct departure){.sender = step->sender,
                            .delivered_to = step->delivered_to,
                            .original = step->original};
    list_add(&attempt->leaving, attempt->arena, d);
    return d;
}

void leave_add(struct attempt *attempt, const struct step *step, const char *address)
{
    if (!attempt_is_first(attempt, "leave %s %s", attempt_sender(attempt, step), address))
        return;
    if (attempt_is_probe(attempt)) {
        struct step there = *step;

        there.address = address;
        attempt_outcome(attempt, &there, "2.0.0", "forwards to %s",
                        address_external(attempt->arena, str_of(address)));
        return;
    }
    texts_add(&departure_of(attempt, step)->recipients, attempt->arena, address);
}

/* --- the new message -----------------------------------------------------------------
 */

struct writer {
    struct attempt *attempt;
    const struct departure *departure;
    struct submission *to;
};

static void put_origin(struct writer *w)
{
    const struct deliver *request = &w->attempt->delivery->request;

    submit_attribute(w->to, "log_client_name", request->client_name);
    submit_attribute(w->to, "log_client_address", request->client_address);
    submit_attribute(w->to, "log_client_port", request->client_port);
    submit_attribute(w->to, "log_message_origin",
                     *request->client_name
                         ? arena_printf(w->attempt->arena, "%s[%s]", request->client_name,
                                        request->client_address)
                         : "local");
    submit_attribute(w->to, "log_helo_name", request->client_helo);
    submit_attribute(w->to, "log_protocol_name", request->client_protocol);
    submit_attribute(w->to, "sasl_method", request->sasl_method);
    submit_attribute(w->to, "sasl_username", request->sasl_username);
    submit_attribute(w->to, "sasl_sender", request->sasl_sender);
    submit_attribute(w->to, "log_ident", request->log_ident);
    submit_attribute(w->to, "rewrite_context", request->rewrite_context);
}

/* What the members of a list get is no business of those who write to it (RFC 3461
 * section 5.2.7.3). */
static void put_recipients(struct writer *w)
{
    const struct departure *d = w->departure;
    const struct attempt *attempt = w->attempt;

    for (size_t i = 0; i < d->recipients.n; i++) {
        if (!d->sender) {
            if (attempt->notify)
                submit_printf(w->to, RECORD_ATTRIBUTE, "notify_flags=%d",
                              attempt->notify);
            submit_attribute(w->to, "dsn_orig_rcpt", attempt->recipient->orcpt);
            if (*d->original)
                submit_record(w->to, RECORD_ORIGINAL, str_of(d->original));
        }
        submit_record(w->to, RECORD_RECIPIENT, str_of(d->recipients.items[i]));
    }
}

static void put_envelope(struct writer *w)
{
    const struct deliver *request = &w->attempt->delivery->request;
    const struct departure *d = w->departure;
    struct timeval now = clock_wall(&clock_system);

    submit_printf(w->to, RECORD_TIME, "%ld %ld", (long)now.tv_sec, (long)now.tv_usec);
    put_origin(w);
    if (!d->sender) {
        submit_attribute(w->to, "envelope_id", request->envelope_id);
        if (request->ret_flags)
            submit_printf(w->to, RECORD_ATTRIBUTE, "ret_flags=%lld", request->ret_flags);
    }
    submit_record(w->to, RECORD_SENDER, str_of(d->sender ? d->sender : request->sender));
    submit_attribute(w->to, "encoding", request->encoding);
    put_recipients(w);
    submit_record(w->to, RECORD_CONTENT, STR(""));
}

static void put_header(struct writer *w, const char *queue_id)
{
    const struct conf *conf = w->attempt->agent->conf;
    struct header_stamp stamp = {
        .by = conf->myhostname,
        .software = arena_printf(w->attempt->arena, "(%s)", conf->mail_name),
        .queue_id = queue_id,
        .when = clock_wall(&clock_system).tv_sec};
    struct str rest, line;
    struct buf header;

    buf_init(&header, 1 << 16);
    header_add_received_local(&header, &stamp);
    rest = buf_str(&header);
    while ((line = str_until(&rest, '\n')).n)
        submit_record(w->to, RECORD_LINE, line);
    buf_done(&header);
    if (w->attempt->agent->prepend & PREPEND_FORWARD) /* compat: in lower case */
        submit_printf(w->to, RECORD_LINE, "Delivered-To: %s",
                      address_external(w->attempt->arena,
                                       str_of(address_folded(
                                           w->attempt, w->departure->delivered_to))));
}

static int put_line(void *context, struct str text, bool ends)
{
    struct writer *w = context;

    submit_record(w->to, ends ? RECORD_LINE : RECORD_CHUNK, text);
    return 0;
}

static struct outcome submitted(struct writer *w, const char *queue_id)
{
    struct arena *arena = w->attempt->arena;
    struct submit_done done = submit_close(w->to, arena);
    struct outcome outcome;

    if (done.status == SUBMIT_OK) {
        outcome = outcome_make(arena, "2.0.0", "forwarded as %s", queue_id);
        outcome.action = "relayed";
        return outcome;
    }
    if (done.status == SUBMIT_TOO_MANY_HOPS)
        return outcome_make(arena, "5.4.6", "mail forwarding loop: too many hops");
    return outcome_from_text(
        arena, *done.reason ? str_of(done.reason) : STR("unable to forward message"),
        done.status == SUBMIT_TOO_BIG ? "5.3.4" : "4.3.0");
}

static struct outcome submit(struct attempt *attempt, const struct departure *departure)
{
    int flags = SUBMIT_MAP | SUBMIT_NO_BCC |
                (attempt->delivery->request.flags & DELIVER_UTF8 ? SUBMIT_UTF8 : 0);
    struct writer w = {.attempt = attempt, .departure = departure};
    const char *queue_id;
    struct fail why;

    rights_give_back(attempt->delivery);
    w.to =
        submit_open(attempt->agent->cleanup, flags, 0, attempt->arena, &queue_id, &why);
    if (!w.to) {
        log_warning("forward: %s", why.text);
        return outcome_make(attempt->arena, "4.3.0", "unable to forward message");
    }
    put_envelope(&w);
    put_header(&w, queue_id);
    if (delivery_content(attempt->delivery, put_line, &w, &why) < 0) {
        submit_cancel(w.to);
        return copy_read_failure(attempt->delivery,
                                 why.code ? COPY_NOT_READ : COPY_CORRUPT, &why);
    }
    submit_record(w.to, RECORD_EXTRACTED, STR(""));
    submit_record(w.to, RECORD_END, STR(""));
    return submitted(&w, queue_id);
}

void leave_finish(struct attempt *attempt, const struct step *top)
{
    for (size_t i = 0; i < attempt->leaving.n && !attempt->deferred; i++) {
        struct outcome outcome = submit(attempt, attempt->leaving.items[i]);

        attempt_report(attempt, top, &outcome);
    }
}
