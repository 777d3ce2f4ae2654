/*
 * DATA (RFC 5321 section 4.1.1.4): takes the content, and gives the client the
 * verdict of cleanup. A 250 is said only after cleanup has synced the file.
 */
#include "mail/status.h"
#include "queue/record.h"
#include "smtpd/access.h"
#include "smtpd/content.h"
#include "smtpd/envelope.h"
#include "smtpd/filters.h"
#include "smtpd/restrict.h"
#include "smtpd/session.h"
#include "util/log.h"

/* cleanup's verdict -> reply, where the verdict brings no text of its own. */
static const struct {
    enum submit_status status;
    enum reply reply;
} verdicts[] = {
    {SUBMIT_BAD_RECORD, REPLY_WRITE_ERROR},
    {SUBMIT_WRITE_ERROR, REPLY_WRITE_ERROR},
    {SUBMIT_TOO_BIG, REPLY_TOO_BIG},
    {SUBMIT_TOO_MANY_HOPS, REPLY_TOO_MANY_HOPS},
    {SUBMIT_REJECTED, REPLY_CONTENT},
    {SUBMIT_NO_RECIPIENT, REPLY_NO_VALID_RECIPIENT},
    {SUBMIT_TRY_AGAIN, REPLY_WRITE_ERROR},
    {SUBMIT_GONE, REPLY_WRITE_ERROR},
};

/* "5.7.1 text" of cleanup as a reply; its class chooses the code. */
static void reply_reason(struct session *session, const char *reason)
{
    struct status_split split = status_split(str_of(reason), "4.3.0");

    session_trouble(session, TROUBLE_POLICY);
    session_reply_text(session, split.status[0] == '5' ? 550 : 451, split.status,
                       arena_copy_str(session->command, split.text));
}

static void reply_verdict(struct session *session, const struct submit_done *done)
{
    if (done->status == SUBMIT_OK) {
        session_forgive(session);
        session_reply(session, REPLY_QUEUED, session->transaction.queue_id);
        return;
    }
    if (done->status == SUBMIT_REPLY) {
        session_trouble(session, TROUBLE_POLICY);
        session_reply_verbatim(session, done->reason);
        return;
    }
    if (*done->reason &&
        (done->status == SUBMIT_REJECTED || done->status == SUBMIT_TRY_AGAIN)) {
        reply_reason(session, done->reason);
        return;
    }
    for (size_t i = 0; i < COUNT(verdicts); i++)
        if (verdicts[i].status == (enum submit_status)done->status)
            session_reply(session, verdicts[i].reply);
}

static void finish(struct session *session)
{
    struct transaction *transaction = &session->transaction;
    struct submit_done done;

    submit_record(transaction->submission, RECORD_EXTRACTED, STR(""));
    orders_send(session);
    filters_hand_over(session);
    submit_record(transaction->submission, RECORD_END, STR(""));
    done = submit_close(transaction->submission, session->command);
    transaction->submission = NULL;
    if (done.status != SUBMIT_OK && done.status != SUBMIT_REJECTED &&
        done.status != SUBMIT_REPLY && *done.reason)
        log_warning("%s: %s", transaction->queue_id, done.reason);
    reply_verdict(session, &done);
}

/* The connection broke inside the content. */
static void broken(struct session *session, const struct content *content)
{
    session->data_bytes = content->bytes;
    session->quit = session->failed = true;
    session->reason = content->result == STREAM_TIMEOUT ? "timeout" : "lost connection";
    if (content->result == STREAM_TIMEOUT) {
        session_start_request(session); /* the answer has time of its own */
        session_reply(session, REPLY_TIMEOUT, session->conf->myhostname);
    }
}

static void record(void *context, int type, struct str data)
{
    const struct session *session = context;

    submit_record(session->transaction.submission, type, data);
}

static void progress(void *context, size_t n)
{
    session_progress(context, n);
}

static struct content receive(struct session *session)
{
    const struct content_rules rules = {
        .line_max = (size_t)session->conf->line_length_limit,
        .limit = session->conf->message_size_limit,
        .bare_newline = session->bare_newline,
        .record = record,
        .progress = session->conf->smtpd_per_request_deadline ? progress : NULL,
        .context = session,
    };

    session_start_request(session);
    return content_read(session->stream, &rules);
}

static bool may_send(struct session *session, struct str argument)
{
    struct transaction *transaction = &session->transaction;

    if (transaction->recipients == 0) {
        if (transaction->open)
            session_reply(session, REPLY_NO_VALID_RECIPIENT);
        else
            session_reply(session, REPLY_NEED_RCPT);
    } else if (argument.n) {
        session_reply(session, REPLY_DATA_SYNTAX);
    } else {
        return !restrict_stage(session, STAGE_DATA) && !filters_refuse_data(session);
    }
    return false;
}

static void refuse_bare_newline(struct session *session)
{
    struct maillog_context context = session_log_context(
        session,
        session->transaction.recipients == 1 ? session->transaction.recipient : NULL);

    maillog_action(session->server->log_style, session->transaction.queue_id, "reject",
                   arena_printf(session->command, "%s from %s", session->where,
                                session->client_text),
                   "bare <LF> received", &context);
    session_trouble(session, TROUBLE_PROTOCOL);
    session_reply_text(session, session->conf->smtpd_forbid_bare_newline_reject_code,
                       "5.5.2",
                       arena_printf(session->command, "%s Error: bare <LF> received",
                                    session->conf->myhostname));
}

void answer_data(struct session *session, struct str argument)
{
    struct content content;

    if (!may_send(session, argument))
        return;
    envelope_end(session);
    session_reply(session, REPLY_START_DATA);
    session_start_request(session); /* the answer has time of its own */
    if (stream_flush(session->stream) != STREAM_OK) {
        content = (struct content){.result = STREAM_EOF};
        broken(session, &content);
        return;
    }
    content = receive(session);
    session->transaction.size = content.size;
    session->where = "END-OF-MESSAGE";
    if (content.result != STREAM_OK) {
        session->where = "DATA";
        broken(session, &content);
    } else if (content.bare_lf) {
        refuse_bare_newline(session);
    } else if (content.too_big) {
        log_warning("%s: queue file size limit exceeded", session->transaction.queue_id);
        session_reply(session, REPLY_TOO_BIG);
    } else if (!restrict_stage(session, STAGE_END_OF_DATA)) {
        finish(session);
    }
    session_new_chapter(session);
    transaction_reset(session);
}
