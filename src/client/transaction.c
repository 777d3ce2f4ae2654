/*
 * A mail transaction. Commands go out as far as the server allows, replies are
 * taken in the same order, and each reply decides about its recipient, or
 * about all that are left. Nothing is ever taken for delivered without a 2xx
 * reply to the end of data.
 */
#include "client/transaction.h"

#include "client/command.h"
#include "mail/address.h"
#include "mail/utf8.h"

enum { BATCH = 4096 }; /* bytes of commands before replies are read */

/* What is said to the server, each with one reply. */
enum step_kind { STEP_XFORWARD, STEP_MAIL, STEP_RCPT, STEP_DATA };
struct step {
    enum step_kind kind;
    size_t i; /* of the recipient in todo, of the XFORWARD command */
};

struct run {
    struct session *session;
    struct transaction *transaction;
    struct arena *arena;
    struct transaction_recipient **todo; /* those that wait for an outcome */
    size_t n;
    struct step *steps;
    size_t steps_n, sent, got;
    size_t accepted;
    size_t promised; /* replies to the end of data that LMTP owes us */
    bool refused;    /* MAIL was */
    bool data_begun; /* the server waits for content */
    enum session_end end;
};

static void end_recipient(struct transaction_recipient *recipient,
                          const struct outcome *outcome)
{
    recipient->state = RECIPIENT_ENDED;
    recipient->outcome = *outcome;
    recipient->of_host = false;
}

/* The same outcome for all that have none yet. */
static void end_rest(struct run *run, const struct outcome *outcome)
{
    for (size_t i = 0; i < run->n; i++)
        if (run->todo[i]->state != RECIPIENT_ENDED)
            end_recipient(run->todo[i], outcome);
    run->accepted = 0;
}

static void end_lost(struct run *run, enum stream_result result, const char *stage)
{
    struct outcome outcome = session_lost(run->session, result, stage, run->arena);

    end_rest(run, &outcome);
    run->session->broken = true;
    run->end = SESSION_REFUSED;
}

/* --- commands ---------------------------------------------------------------- */

static const char *xforward_text(const struct run *run, size_t i)
{
    if (run->transaction->xforward == NULL)
        return NULL;
    return xforward_command(run->transaction->xforward, run->session->xforward, i,
                            run->arena);
}

static void write_step(struct run *run)
{
    struct step step = run->steps[run->sent++];
    struct session *session = run->session;

    switch (step.kind) {
    case STEP_XFORWARD:
        session_say(session, str_of(xforward_text(run, step.i)));
        break;
    case STEP_MAIL:
        command_mail(session, run->transaction);
        break;
    case STEP_RCPT:
        command_rcpt(session, run->todo[step.i]);
        break;
    case STEP_DATA:
        session_say(session, STR("DATA"));
        break;
    }
}

/* --- replies ------------------------------------------------------------------ */

static const char *stage_of(const struct run *run, struct step step)
{
    switch (step.kind) {
    case STEP_XFORWARD:
        return arena_printf(run->arena, "sending %s", xforward_command_name(step.i));
    case STEP_MAIL:
        return "sending MAIL FROM";
    case STEP_RCPT:
        return "sending RCPT TO";
    default:
        return "sending DATA command";
    }
}

/* It is for the logs of others only: mail goes on without it. */
static void take_xforward(struct run *run, const struct reply *reply, size_t i)
{
    if (reply_class(reply) != 2)
        session_warn(run->session, "host %s said: %s (in reply to %s command)",
                     run->session->relay, reply_line(reply, run->arena),
                     xforward_command_name(i));
}

static void take_mail(struct run *run, const struct reply *reply)
{
    struct outcome outcome;

    if (reply_class(reply) == 2)
        return;
    run->refused = true;
    outcome = session_said(run->session, reply, "MAIL FROM", run->arena);
    end_rest(run, &outcome);
}

/* The words of a server that has, or would have, taken the message. */
static struct outcome taken(const struct run *run, const struct reply *reply)
{
    struct outcome outcome =
        outcome_make(run->arena, reply_class(reply) == 2 ? reply->status : "2.0.0", "%s",
                     reply_line(reply, run->arena));

    outcome.relay = run->session->relay;
    outcome.remote_mta = run->session->host;
    outcome.diagnostic_type = "smtp";
    outcome.diagnostic_text = outcome.text;
    return outcome;
}

static void take_rcpt(struct run *run, const struct reply *reply,
                      struct transaction_recipient *recipient)
{
    struct outcome outcome;

    run->promised += reply_class(reply) == 2;
    if (recipient->state == RECIPIENT_ENDED)
        return;
    if (reply_class(reply) == 2 && run->transaction->probe != PROBE_RCPT) {
        recipient->state = RECIPIENT_ACCEPTED;
        run->accepted++;
        return;
    }
    outcome = reply_class(reply) == 2
                  ? taken(run, reply)
                  : session_said(run->session, reply, "RCPT TO", run->arena);
    end_recipient(recipient, &outcome);
}

static void take_data(struct run *run, const struct reply *reply)
{
    struct outcome outcome;

    run->data_begun = reply_class(reply) == 3;
    if (run->accepted == 0 || (run->data_begun && !run->transaction->probe))
        return;
    if (run->data_begun)
        outcome = taken(run, reply);
    else
        outcome = session_said(run->session, reply, "DATA", run->arena);
    if (reply_class(reply) == 2)
        outcome.text = arena_printf(run->arena, "Protocol error: %s", outcome.text);
    end_rest(run, &outcome);
}

static void take_reply(struct run *run, const struct reply *reply)
{
    struct step step = run->steps[run->got++];

    switch (step.kind) {
    case STEP_XFORWARD:
        take_xforward(run, reply, step.i);
        break;
    case STEP_MAIL:
        take_mail(run, reply);
        break;
    case STEP_RCPT:
        take_rcpt(run, reply, run->todo[step.i]);
        break;
    case STEP_DATA:
        take_data(run, reply);
        break;
    }
}

/*
 * Replies that are not one line a command get out of step with the commands:
 * then a later reply could be taken for that to the end of data.
 */
static void warn_of_noise(const struct run *run, const struct reply *reply)
{
    const struct session *session = run->session;
    char address[NETADDR_TEXT];

    if (reply->noise == NULL || !(session->features & FEATURE_PIPELINING))
        return;
    session_warn(session, "%s: non-%s response from %s: %s", run->transaction->queue_id,
                 session->settings->lmtp ? "LMTP" : "ESMTP", session->relay,
                 reply->noise);
    session_warn(session,
                 "to prevent loss of mail, turn off command pipelining for %s with the "
                 "%s parameter",
                 netaddr_text(&session->address, address),
                 session->settings->lmtp ? "lmtp_discard_lhlo_keyword_address_maps"
                                         : "smtp_discard_ehlo_keyword_address_maps");
}

static enum stream_result exchange(struct run *run, struct reply *ret)
{
    enum stream_result result = session_exchange(run->session, run->arena, ret);

    if (result == STREAM_OK)
        warn_of_noise(run, ret);
    return result;
}

static int timeout_of(const struct run *run, struct step step)
{
    const struct client_timeouts *timeout = &run->session->settings->timeout;

    switch (step.kind) {
    case STEP_XFORWARD:
        return timeout->xforward;
    case STEP_MAIL:
        return timeout->mail;
    case STEP_RCPT:
        return timeout->rcpt;
    default:
        return timeout->data_init;
    }
}

/* Write the commands that may go out before the next reply; false when there are none. */
static bool write_batch(struct run *run)
{
    bool pipelining = run->session->features & FEATURE_PIPELINING;

    if (run->refused || run->sent == run->steps_n ||
        (run->steps[run->sent].kind == STEP_DATA && run->accepted == 0))
        return false; /* nobody to send data for */
    do
        write_step(run);
    while (pipelining && run->sent < run->steps_n &&
           stream_pending(run->session->stream) < BATCH);
    return true;
}

/* Read the next reply; false when the conversation is over. */
static bool read_one(struct run *run)
{
    struct step step = run->steps[run->got];
    struct reply reply = {0};
    enum stream_result result;

    session_set_timeout(run->session, timeout_of(run, step));
    result = exchange(run, &reply);
    if (result != STREAM_OK)
        end_lost(run, result, stage_of(run, step));
    else
        take_reply(run, &reply);
    return result == STREAM_OK;
}

static void say_envelope(struct run *run)
{
    while (write_batch(run))
        while (run->got < run->sent)
            if (!read_one(run))
                return;
}

/* --- content -------------------------------------------------------------------- */

static void take_final_reply(struct run *run, const struct reply *reply,
                             struct transaction_recipient *recipient)
{
    struct outcome outcome =
        reply_class(reply) == 2
            ? taken(run, reply)
            : session_said(run->session, reply, "end of DATA", run->arena);

    end_recipient(recipient, &outcome);
}

/* One reply for all, or with LMTP one for each (RFC 2033 section 4.2). */
static void read_final_replies(struct run *run)
{
    bool each = run->session->settings->lmtp, first = true;
    struct reply reply = {0};

    session_set_timeout(run->session, run->session->settings->timeout.data_done);
    for (size_t i = 0; i < run->n; i++) {
        struct transaction_recipient *recipient = run->todo[i];
        enum stream_result result = STREAM_OK;

        if (recipient->state != RECIPIENT_ACCEPTED)
            continue;
        if (first || each)
            result = exchange(run, &reply);
        first = false;
        if (result != STREAM_OK) {
            end_lost(run, result,
                     "sending end of data -- message may be sent more than once");
            return;
        }
        take_final_reply(run, &reply, recipient);
    }
}

/* The message cannot be read: the server must not get half of it as whole. */
static void give_up_message(struct run *run, const struct fail *why)
{
    struct outcome outcome = outcome_make(run->arena, "4.3.0", "%s", why->text);

    outcome.relay = run->session->relay;
    end_rest(run, &outcome);
    run->session->broken = true;
}

static void tell_of_broken_lines(const struct run *run)
{
    const struct client_settings *settings = run->session->settings;

    if (settings->note)
        settings->note(
            arena_printf(run->arena, "%s: breaking line > %d bytes with <CR><LF>SPACE",
                         run->transaction->queue_id, settings->line_length_limit));
}

/*
 * A server that has said more than it was asked could have its next words taken
 * for the reply to the end of data, and the message would be lost.
 */
static bool is_out_of_step(struct run *run)
{
    const struct session *session = run->session;
    struct outcome outcome;

    if (stream_buffered(session->stream).n == 0)
        return false;
    outcome =
        outcome_make(run->arena, "4.5.0",
                     "host %s answered before the end of the message", session->label);
    outcome.relay = session->relay;
    end_rest(run, &outcome);
    run->session->broken = true;
    return true;
}

/* Some firewalls lose an end of data that comes in one packet with data before it. */
static void delay_dot(struct session *session)
{
    if (session->pix & PIX_DELAY_DOT && stream_flush(session->stream) == STREAM_OK)
        (void)stream_wait(session->stream,
                          session->settings->workarounds.pix_delay_s * 1000L);
}

/* Nothing will follow: goodbye can go along. */
static void say_quit_ahead(struct run *run)
{
    struct session *session = run->session;

    if (!run->transaction->last || !(session->features & FEATURE_PIPELINING))
        return;
    session_say(session, STR("QUIT"));
    session->quit_sent = true;
}

static void send_content(struct run *run)
{
    struct session *session = run->session;
    struct content content;
    struct fail why = {0};

    session_set_timeout(session, session->settings->timeout.data_xfer);
    if (session->settings->per_request_deadline)
        session_set_deadline(session, run->transaction->size);
    content_init(&content, session->stream, session->settings->line_length_limit);
    if (run->transaction->write(run->transaction->context, &content, &why) < 0) {
        give_up_message(run, &why);
        return;
    }
    if (stream_output_result(session->stream) != STREAM_OK) {
        end_lost(run, stream_output_result(session->stream), "sending message body");
        return;
    }
    delay_dot(session);
    if (is_out_of_step(run))
        return;
    content_end(&content);
    session_note_said(session, STR("."));
    if (content.broken)
        tell_of_broken_lines(run);
    say_quit_ahead(run);
    read_final_replies(run);
}

/*
 * The server waits for content that nobody is to get: an empty message for no
 * one. LMTP has a reply to that only for recipients that it took after it had
 * refused the sender.
 */
static void send_nothing(struct run *run)
{
    struct session *session = run->session;
    size_t replies = session->settings->lmtp ? run->promised : 1;

    session->spent = true;
    session_say(session, STR("."));
    say_quit_ahead(run);
    session_set_timeout(session, session->settings->timeout.data_done);
    while (replies-- > 0) {
        struct reply reply;
        enum stream_result result = exchange(run, &reply);

        if (result != STREAM_OK) {
            end_lost(run, result, "sending end of data");
            return;
        }
    }
}

/* --- before anything is said -------------------------------------------------------- */

static bool needs_utf8(const struct run *run)
{
    const struct transaction *t = run->transaction;
    bool ascii = !t->utf8_header && utf8_is_ascii(str_of(t->sender));

    for (size_t i = 0; ascii && i < run->n; i++)
        ascii = utf8_is_ascii(str_of(run->todo[i]->address));
    return t->utf8 && !ascii;
}

/* What the server cannot take need not be offered. False = nobody is left. */
static bool check_limits(struct run *run)
{
    const struct transaction *t = run->transaction;
    const struct session *session = run->session;
    bool utf8 = needs_utf8(run) && !(session->features & FEATURE_SMTPUTF8);
    struct outcome outcome;

    if (address_check(str_of(t->sender), NULL) < 0)
        outcome = outcome_make(run->arena, "5.1.7", "bad sender address syntax");
    else if ((session->features & FEATURE_SIZE) && session->size_limit > 0 &&
             t->size > session->size_limit)
        outcome = outcome_make(run->arena, "5.3.4",
                               "message size %lld exceeds size limit %lld of server %s",
                               t->size, session->size_limit, session->label);
    else if (utf8)
        outcome = outcome_make(run->arena, "5.6.7",
                               "SMTPUTF8 is required, but was not offered by host %s",
                               session->label);
    else
        return true;
    outcome.relay = session->relay;
    end_rest(run, &outcome);
    for (size_t i = 0; i < run->n; i++)
        run->todo[i]->of_host = utf8; /* another exchanger may be a newer one */
    return false;
}

/*
 * List the recipients to be said. An address that could break out of its
 * command is none of them: cleanup lets none pass, so the queue file is damaged.
 */
static void list_recipients(struct run *run)
{
    struct transaction *t = run->transaction;
    struct outcome bad = outcome_make(run->arena, "5.1.3", "bad address syntax");

    run->todo = arena_array(run->arena, t->n, sizeof *run->todo);
    for (size_t i = 0; i < t->n; i++) {
        if (t->recipients[i].state == RECIPIENT_ENDED)
            continue;
        if (address_check(str_of(t->recipients[i].address), NULL) < 0)
            end_recipient(&t->recipients[i], &bad);
        else
            run->todo[run->n++] = &t->recipients[i];
    }
}

static void add_step(struct run *run, enum step_kind kind, size_t i)
{
    run->steps[run->steps_n++] = (struct step){kind, i};
}

static void plan(struct run *run)
{
    run->steps =
        arena_array(run->arena, XFORWARD_COMMANDS + 2 + run->n, sizeof *run->steps);
    for (size_t i = 0; i < XFORWARD_COMMANDS; i++)
        if (xforward_text(run, i) != NULL)
            add_step(run, STEP_XFORWARD, i);
    add_step(run, STEP_MAIL, 0);
    for (size_t i = 0; i < run->n; i++)
        add_step(run, STEP_RCPT, i);
    if (run->transaction->probe != PROBE_RCPT)
        add_step(run, STEP_DATA, 0);
}

/* The envelope is said: content, or back to the start. */
static void conclude(struct run *run)
{
    if (run->data_begun && run->transaction->probe)
        run->session->broken = true; /* no message, not even an empty one */
    else if (run->data_begun && run->accepted > 0)
        send_content(run);
    else if (run->data_begun)
        send_nothing(run);
    else
        (void)session_reset(run->session, run->arena);
}

static enum session_end run_all(struct run *run)
{
    list_recipients(run);
    if (run->n == 0 || !check_limits(run))
        return SESSION_FINE;
    plan(run);
    say_envelope(run);
    if (run->end == SESSION_FINE && !run->session->broken)
        conclude(run);
    run->session->transactions++;
    return run->end;
}

enum session_end transaction_run(struct session *session, struct transaction *transaction,
                                 struct arena *arena)
{
    struct run run = {.session = session,
                      .transaction = transaction,
                      .arena = arena,
                      .end = SESSION_FINE};
    enum session_end end;

    session->queue_id = transaction->queue_id;
    end = run_all(&run);
    session->queue_id = ""; /* it lives no longer than the message */
    return end;
}
