/*
 * What senders hear from cleanup itself: that an alias was expanded, and that
 * a message whose submitter is not waiting could not be accepted. The latter
 * is bounced from the queue file as it is, which is complete but was never
 * marked so: no other program takes it for mail.
 */
#include "cleanup/cleanup.h"

#include "mail/status.h"
#include "queue/verify.h"
#include "util/log.h"

static int append(struct message *m, struct ipc_client *log,
                  const struct bounce_append *entry, struct fail *why)
{
    struct status_reply reply;
    struct ipc_exchange exchange = {"append", &bounce_append_message, entry,
                                    &status_reply_message, &reply};

    if (ipc_call(log, &exchange, m->scratch, why) < 0)
        return -1;
    return reply.status == 0 ? 0 : fail_set(why, "%s", reply.reason);
}

void notify_expanded(struct message *m, const struct addressee *a)
{
    const struct bounce_append entry = {
        .queue_id = m->draft.id,
        .recipient = a->address,
        .orcpt = a->orcpt,
        .notify = a->notify,
        .status = "2.0.0",
        .action = "expanded",
        .reason = "alias expanded",
    };
    struct fail why;

    if (append(m, m->cleaner->trace, &entry, &why) < 0) {
        log_warning("%s: trace service: %s", m->draft.id, why.text);
        message_fail(m, SUBMIT_WRITE_ERROR, NULL);
    }
}

/* compat: whom an alias of many leads to is not looked into; there is no one verdict. The
 * probe has done its work. */
void notify_probed(struct message *m, const struct addressee *a)
{
    static const char text[] = "aliased to multiple recipients";
    struct ipc_client *verify = verify_client(m->cleaner->conf);
    bool other = strcmp(a->original, a->address) != 0;
    struct fail why;

    maillog_delivery(m->cleaner->style, &(struct maillog_delivery){
                                            .queue_id = m->draft.id,
                                            .recipient = a->address,
                                            .orig_to = a->original,
                                            .relay = "none",
                                            .times = {.arrival = m->arrival,
                                                      .done = clock_wall(&clock_system)},
                                            .status = "2.0.0",
                                            .verdict = "deliverable",
                                            .text = text,
                                        });
    if ((other && verify_tell(verify, a->original, VERIFY_DELIVERABLE, text, &why) < 0) ||
        verify_tell(verify, a->address, VERIFY_DELIVERABLE, text, &why) < 0)
        log_warning("%s: %s", m->draft.id, why.text);
    ipc_client_free(verify);
    m->discarded = true;
}

/* --- bounces
 * ------------------------------------------------------------------------------ */

struct bounce {
    struct message *m;
    const char *status, *text;
};

static int add_recipient(struct bounce *bounce, const struct recipient *r,
                         struct fail *why)
{
    struct message *m = bounce->m;
    const struct bounce_append entry = {
        .queue_id = m->draft.id,
        .recipient = r->address,
        .original = r->original,
        .offset = r->offset,
        .orcpt = r->dsn_orig_rcpt,
        .notify = r->notify,
        .status = bounce->status,
        .action = "failed",
        .reason = bounce->text,
    };
    const struct maillog_delivery line = {
        .queue_id = m->draft.id,
        .recipient = r->address,
        .orig_to = r->original,
        .relay = "none",
        .times = {.arrival = m->arrival, .done = clock_wall(&clock_system)},
        .status = bounce->status,
        .verdict = "bounced",
        .text = bounce->text,
    };

    if (append(m, m->cleaner->bounce, &entry, why) < 0)
        return -1;
    maillog_delivery(m->cleaner->style, &line);
    return 0;
}

static int add_recipients(struct bounce *bounce, const struct envelope *envelope,
                          struct fail *why)
{
    static const struct recipient unknown = {
        .address = "unknown", .original = "", .dsn_orig_rcpt = ""};

    if (envelope->n == 0)
        return add_recipient(bounce, &unknown, why);
    for (size_t i = 0; i < envelope->n; i++)
        if (add_recipient(bounce, &envelope->recipients[i], why) < 0)
            return -1;
    return 0;
}

static int send_report(struct message *m, const struct envelope *envelope,
                       struct fail *why)
{
    const struct bounce_report about = {
        .queue_name = QUEUE_INCOMING,
        .queue_id = m->draft.id,
        .encoding = envelope->encoding,
        .utf8 = envelope->size.smtputf8,
        .sender = envelope->sender,
        .envelope_id = envelope->envelope_id,
        .ret_flags = envelope->ret,
    };
    struct status_reply reply;
    struct ipc_exchange exchange = {"flush", &bounce_report_message, &about,
                                    &status_reply_message, &reply};

    if (ipc_call(m->cleaner->bounce, &exchange, m->arena, why) < 0)
        return -1;
    return reply.status == 0 ? 0 : fail_set(why, "%s", reply.reason);
}

int notify_bounced(struct message *m, const char *reason, struct fail *why)
{
    struct status_split split = status_split(str_of(reason), "5.0.0");
    struct bounce bounce = {m, split.status, arena_copy_str(m->arena, split.text)};
    struct envelope envelope;

    if (draft_flush(&m->draft, why) < 0 ||
        envelope_read(m->draft.fd, SIZE_MAX, m->arena, &envelope, why) < 0 ||
        add_recipients(&bounce, &envelope, why) < 0)
        return -1;
    return send_report(m, &envelope, why);
}
