/*
 * One message from its opening to its verdict. Decides which segment a record
 * belongs to, and that a message which met any trouble leaves nothing behind:
 * what was wrong first is what the client hears.
 */
#include "cleanup/cleanup.h"
#include "ipc/notice.h"
#include "util/log.h"

#include <errno.h>

int message_open(struct message *m, struct cleaner *cleaner, const struct submit *ask,
                 struct arena *arena, struct fail *why)
{
    *m = (struct message){.cleaner = cleaner,
                          .arena = arena,
                          .flags = (int)ask->flags,
                          .origin = "unknown"};
    if (draft_create(&m->draft, &cleaner->spool, QUEUE_INCOMING, why) < 0)
        return -1;
    m->draft.limit = ask->size_limit;
    buf_init(&m->header, (size_t)cleaner->conf->header_size_limit + RECORD_DATA_MAX);
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

void message_record(struct message *m, int type, struct str data)
{
    if (m->status == SUBMIT_OK && draft_failed(&m->draft))
        message_fail(m, SUBMIT_WRITE_ERROR, NULL);
    if (m->status != SUBMIT_OK) {
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

/* Fill in the first record, now that everything is known. */
static void write_size(struct message *m)
{
    struct buf record;

    m->size.content_bytes = m->content_end - m->size.content_offset;
    m->size.content_length = m->size.content_bytes;
    if (m->flags & SUBMIT_UTF8)
        m->size.smtputf8 |= SIZE_SMTPUTF8;
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

static void note_write_failure(struct message *m, const struct fail *why)
{
    log_warning("%s: %s", m->draft.id, why->text);
    m->status = SUBMIT_OK;
    if (why->code == EFBIG)
        message_fail(m, SUBMIT_TOO_BIG, NULL);
    else
        message_fail(m, SUBMIT_WRITE_ERROR, NULL);
}

static void release(struct message *m)
{
    draft_abandon(&m->draft);
    buf_done(&m->header);
    map_free(m->seen, NULL);
    m->seen = NULL;
}

struct submit_done message_close(struct message *m)
{
    const char *final_queue = m->flags & SUBMIT_HOLD ? QUEUE_HOLD : NULL;
    struct fail why;

    if (m->segment != SEGMENT_END)
        message_fail(m, SUBMIT_BAD_RECORD, NULL);
    if (m->status == SUBMIT_OK && m->size.recipients == 0)
        message_fail(m, SUBMIT_NO_RECIPIENT, NULL);
    if (m->status == SUBMIT_OK) {
        write_size(m);
        if (draft_finish(&m->draft, SPOOL_MODE_READY, final_queue, &why) == 0)
            notify(m);
        else
            note_write_failure(m, &why);
    } else if (draft_failed(&m->draft)) {
        note_write_failure(m, draft_failed(&m->draft));
    }
    release(m);
    return (struct submit_done){.status = m->status,
                                .reason = m->reason ? m->reason : "",
                                .size = m->size.content_bytes};
}

void message_abandon(struct message *m)
{
    maillog_canceled(m->draft.id);
    release(m);
}
