/*
 * One message from its opening to its verdict. Decides which segment a record
 * belongs to, and that a message which met any trouble leaves nothing behind:
 * what was wrong first is what the client hears.
 */
#include "cleanup/cleanup.h"
#include "ipc/notice.h"
#include "mail/utf8.h"
#include "util/log.h"

#include <errno.h>

/* A short id comes again one day; what is left of the message that had it before would
 * be told of this one. */
static void remove_spurious_logs(const struct spool *spool, const char *id)
{
    static const char *const queues[] = {QUEUE_BOUNCE, QUEUE_DEFER, QUEUE_TRACE};
    struct fail why;

    for (size_t i = 0; i < COUNT(queues) && !spool->long_ids; i++) {
        int removed = spool_remove(spool, queues[i], id, &why);

        if (removed > 0)
            log_info("%s: removed spurious %s log", id, queues[i]);
        if (removed < 0)
            log_warning("%s: remove spurious %s log: %s", id, queues[i], why.text);
    }
}

int message_open(struct message *m, struct cleaner *cleaner, const struct submit *ask,
                 struct arena *arena, struct fail *why)
{
    *m = (struct message){
        .cleaner = cleaner,
        .arena = arena,
        .scratch = cleaner->scratch,
        .flags = (int)ask->flags,
        .origin = "local",
        .header_rules = &cleaner->local_rules,
    };
    if (draft_create(&m->draft, &cleaner->spool, QUEUE_INCOMING, why) < 0)
        return -1;
    remove_spurious_logs(&cleaner->spool, m->draft.id);
    /* What is to be returned must be whole; its submitter had a limit too. */
    if (m->flags & SUBMIT_BOUNCE)
        m->size_limit = ask->size_limit;
    else
        m->draft.limit = ask->size_limit;
    buf_init(&m->clean, RECORD_DATA_MAX);
    filter_open(m);
    draft_add_size(&m->draft, &m->size); /* room for what is known at the end */
    return 0;
}

void message_fail(struct message *m, enum submit_status status, const char *reason)
{
    if (m->status != SUBMIT_OK)
        return;
    m->status = status;
    m->reason = reason;
}

static void take_extracted(struct message *m, int type, struct str data)
{
    extracted_record(m, type, data);
    if (type == RECORD_END)
        m->segment = SEGMENT_END;
}

/* The submitter is gone, but its message can be returned to the sender. */
static bool is_to_bounce(const struct message *m)
{
    return (m->flags & SUBMIT_BOUNCE) && m->sender &&
           (m->status == SUBMIT_REJECTED || m->status == SUBMIT_TOO_MANY_HOPS ||
            m->status == SUBMIT_NO_RECIPIENT || m->status == SUBMIT_TOO_BIG);
}

/* Nothing that still comes can matter. */
static bool is_lost(struct message *m)
{
    if (m->status == SUBMIT_OK && draft_failed(&m->draft))
        message_fail(m, SUBMIT_WRITE_ERROR, NULL);
    return m->discarded || (m->status != SUBMIT_OK && !is_to_bounce(m));
}

void message_record(struct message *m, int type, struct str data)
{
    arena_reset(m->scratch);
    if (is_lost(m)) {
        m->segment = type == RECORD_END ? SEGMENT_END : m->segment;
        return;
    }
    switch (m->segment) {
    case SEGMENT_ENVELOPE:
        envelope_record(m, type, data);
        break;
    case SEGMENT_CONTENT:
        content_record(m, type, data);
        break;
    case SEGMENT_EXTRACTED:
        take_extracted(m, type, data);
        break;
    case SEGMENT_END:
        panic("message_record: a record after the last one");
    }
}

/* What of the message needs SMTPUTF8 (RFC 6531). */
static void note_utf8(struct message *m)
{
    long *flags = &m->size.smtputf8;

    if (!m->cleaner->conf->smtputf8_enable)
        return;
    if (!utf8_is_ascii(str_of(m->sender)))
        *flags |= SIZE_UTF8_SENDER;
    if (m->flags & SUBMIT_UTF8)
        *flags |= SIZE_SMTPUTF8;
    if ((m->flags & SUBMIT_AUTO_UTF8) &&
        (m->utf8_recipient || (*flags & (SIZE_UTF8_HEADER | SIZE_UTF8_SENDER))))
        *flags |= SIZE_SMTPUTF8;
}

/* What the sender wants of TLS: to insist on it wins. */
static void note_tls(struct message *m)
{
    if ((m->flags & SUBMIT_REQUIRETLS) && m->cleaner->conf->requiretls_enable)
        m->size.smtputf8 |= SIZE_REQUIRETLS;
    if (m->size.smtputf8 & SIZE_REQUIRETLS)
        m->size.smtputf8 &= ~(long)SIZE_TLS_NOT_REQUIRED;
}

/* Fill in the first record, now that everything is known. */
static void write_size(struct message *m)
{
    struct buf record;

    m->size.content_bytes = m->content_end - m->size.content_offset;
    m->size.content_length =
        m->size.content_bytes + m->edits.header_growth + m->edits.body_growth;
    note_utf8(m);
    note_tls(m);
    buf_init(&record, SIZE_RECORD_BYTES + 1);
    record_add_size(&record, &m->size);
    draft_patch(&m->draft, 0, record.p, record.n);
    buf_done(&record);
}

/* The queue manager finds the file by itself too: a notice that is lost only costs time.
 */
static void notify(struct message *m)
{
    struct cleaner *cleaner = m->cleaner;

    if (m->flags & (SUBMIT_HOLD | SUBMIT_NO_NOTICE))
        return;
    if (cleaner->notice < 0)
        cleaner->notice = notice_sender(cleaner->conf->in_flow_delay * 1000L, NULL);
    if (cleaner->notice >= 0)
        notice_send(cleaner->notice, cleaner->notice_path, m->draft.id, NULL);
}

/* --- verdicts
 * ---------------------------------------------------------------------------- */

static void fail_with(struct message *m, const struct fail *why)
{
    log_warning("%s: %s", m->draft.id, why->text);
    m->status = why->code == EFBIG ? SUBMIT_TOO_BIG : SUBMIT_WRITE_ERROR;
    m->reason = NULL;
}

/* Make it the queue's. */
static void finish(struct message *m)
{
    struct fail why;

    write_size(m);
    if (draft_finish(&m->draft, SPOOL_MODE_READY,
                     m->flags & SUBMIT_HOLD ? QUEUE_HOLD : NULL, &why) < 0)
        fail_with(m, &why);
    else
        notify(m);
}

/* Once the sender is told, the submitter has nothing left to do. */
static void bounce(struct message *m)
{
    struct fail why;

    write_size(m);
    if (notify_bounced(m, m->reason ? m->reason : "5.0.0 message not accepted", &why) < 0)
        fail_with(m, &why);
    else
        m->status = SUBMIT_OK;
}

static void release(struct message *m)
{
    draft_abandon(&m->draft);
    mime_free(m->mime);
    buf_done(&m->clean);
    buf_done(&m->edits.line); /* of a body that broke off */
    map_free(m->seen, NULL);
    filter_close(m);
    ipc_client_close(m->cleaner->trace);
    ipc_client_close(m->cleaner->bounce);
}

struct submit_done message_close(struct message *m)
{
    if (m->segment != SEGMENT_END)
        message_fail(m, SUBMIT_BAD_RECORD, NULL);
    if (m->status == SUBMIT_OK && m->size.recipients == 0 && !m->discarded)
        message_fail(m, SUBMIT_NO_RECIPIENT, "5.1.0 No recipients specified");
    if (m->filters && m->status == SUBMIT_OK && !m->discarded && !draft_failed(&m->draft))
        filter_message(m);
    if (m->size_limit > 0 && draft_offset(&m->draft) > m->size_limit)
        message_fail(m, SUBMIT_TOO_BIG, "5.3.4 message file too big");
    if (draft_failed(&m->draft))
        fail_with(m, draft_failed(&m->draft));
    else if (is_to_bounce(m))
        bounce(m);
    else if (m->status == SUBMIT_OK && !m->discarded)
        finish(m);
    release(m);
    return (struct submit_done){.status = m->status,
                                .reason = m->reason && m->status ? m->reason : "",
                                .size = m->size.content_bytes};
}

void message_abandon(struct message *m)
{
    maillog_canceled(m->draft.id);
    release(m);
}
