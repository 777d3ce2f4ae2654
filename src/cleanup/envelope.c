/*
 * Checks the envelope that a client sends, completes it, and writes it.
 *
 * The first record must be the arrival time, and the sender must come before
 * the recipients: the order of queue files. What says something about the
 * next recipient is kept until that one comes.
 */
#include "cleanup/cleanup.h"
#include "util/log.h"

static void bad(struct message *m, int type, const char *what)
{
    const char *name = record_type_name(type);

    log_warning("%s: envelope record %s: %s", m->draft.id, name ? name : "?", what);
    message_fail(m, SUBMIT_BAD_RECORD, NULL);
}

/* --- attributes ----------------------------------------------------------------------
 */

static int notify_bits(struct message *m, struct str value)
{
    unsigned long long bits;
    const int all = NOTIFY_NEVER | NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY;

    if (!str_number(value, (unsigned long long)all, &bits)) {
        bad(m, RECORD_ATTRIBUTE, "bad notify_flags");
        return 0;
    }
    return (int)bits;
}

static void set_context(struct message *m, struct str value)
{
    struct cleaner *cleaner = m->cleaner;

    if (str_is(value, "local"))
        m->header_rules = &cleaner->local_rules;
    else if (str_is(value, "remote"))
        m->header_rules = cleaner->rewrites_remote ? &cleaner->remote_rules : NULL;
    else
        bad(m, RECORD_ATTRIBUTE, "bad rewrite_context");
}

/* Keep what log lines show. */
static void keep_for_log(struct message *m, struct str name, struct str value)
{
    if (str_is(name, "log_message_origin"))
        m->origin = arena_copy_str(m->arena, value);
    else if (str_is(name, "log_protocol_name"))
        m->client.proto = arena_copy_str(m->arena, value);
    else if (str_is(name, "log_helo_name"))
        m->client.helo = arena_copy_str(m->arena, value);
}

static void take_attribute(struct message *m, struct str data)
{
    struct str name, value;

    if (!record_attribute(data, &name, &value)) {
        bad(m, RECORD_ATTRIBUTE, "no name=value");
        return;
    }
    if (str_is(name, "create_time")) /* of an earlier stay in the queue */
        return;
    if (str_is(name, "hold")) { /* smtpd, by order of an access table */
        m->flags |= SUBMIT_HOLD;
        return;
    }
    if (str_is(name, "discard")) { /* likewise: nobody is told */
        m->discarded = true;
        return;
    }
    if (str_is(name, "notify_flags")) {
        m->next.notify = notify_bits(m, value);
        return;
    }
    if (str_is(name, "dsn_orig_rcpt")) {
        m->next.orcpt = arena_copy_str(m->arena, value);
        return;
    }
    if (++m->attributes > m->cleaner->conf->queue_file_attribute_count_limit) {
        bad(m, RECORD_ATTRIBUTE, "too many attributes");
        return;
    }
    if (str_is(name, "rewrite_context"))
        set_context(m, value);
    if (str_is(name, "trace_flags")) {
        unsigned long long flags = 0;

        m->is_probe = str_number(value, INT32_MAX, &flags) && flags & TRACE_PROBE_MTA;
    }
    if (str_is(name, "encoding"))
        m->encoding = arena_copy_str(m->arena, value);
    keep_for_log(m, name, value);
    draft_add(&m->draft, RECORD_ATTRIBUTE, data);
}

/* --- time, sender, recipients
 * ----------------------------------------------------------- */

static void take_time(struct message *m, struct str data)
{
    struct str rest = data;
    struct str seconds = str_word(&rest, " "), micros = str_word(&rest, " ");
    unsigned long long s, us = 0;

    if (!str_number(seconds, 1ULL << 40, &s) || s == 0 ||
        (micros.n && !str_number(micros, 999999, &us))) {
        bad(m, RECORD_TIME, "no time");
        return;
    }
    m->arrival = (struct timeval){.tv_sec = (time_t)s, .tv_usec = (suseconds_t)us};
    m->has_arrival = true;
    draft_add(&m->draft, RECORD_TIME, data);
    draft_add_attribute_number(&m->draft, "create_time", (long)m->draft.created.tv_sec);
}

static void take_sender(struct message *m, struct str data)
{
    if (m->sender) {
        bad(m, RECORD_SENDER, "a second sender");
        return;
    }
    m->sender = arena_copy(
        m->arena, rewrite_mapped(m, rewrite_standard(m, arena_copy_str(m->scratch, data)),
                                 CLASS_ENVELOPE_SENDER));
    m->client.sender = m->sender;
    if (strlen(m->sender) > RECORD_ENVELOPE_MAX)
        bad(m, RECORD_SENDER, "too long once rewritten");
    edits_sender_begin(m);
    draft_add_text(&m->draft, RECORD_SENDER, m->sender);
    edits_sender_end(m);
}

/* What stands before the first recipient: when to tell the sender that the message is
 * late, and a copy for who watches this sender. */
static void start_recipients(struct message *m)
{
    int delay = m->cleaner->conf->delay_warning_time;

    if (m->started_recipients)
        return;
    m->started_recipients = true;
    if (delay > 0 && *m->sender)
        draft_printf(&m->draft, RECORD_WARN, "%15ld", (long)m->arrival.tv_sec + delay);
    recipient_add_sender_bcc(m);
}

static void take_recipient(struct message *m, struct str data)
{
    if (!m->sender) {
        bad(m, RECORD_RECIPIENT, "before the sender");
        return;
    }
    start_recipients(m);
    m->next.address = arena_copy_str(m->scratch, data);
    if (!m->next.original)
        m->next.original = m->next.address;
    recipient_add(m, &m->next);
    m->next = (struct addressee){0};
}

static void start_content(struct message *m)
{
    if (!m->sender) {
        bad(m, RECORD_CONTENT, "there was no sender");
        return;
    }
    start_recipients(m);
    draft_add(&m->draft, RECORD_CONTENT, STR(""));
    m->size.content_offset = (long)draft_offset(&m->draft);
    m->segment = SEGMENT_CONTENT;
    edits_header_begin(m);
    content_start(m);
}

/* --- which record is it?
 * ----------------------------------------------------------------- */

/* Records that only need to be passed on. */
static void pass(struct message *m, int type, struct str data)
{
    if (m->size.recipients > 0)
        m->size.flags |= SIZE_MIXED;
    if (type == RECORD_FULL_NAME)
        m->full_name = arena_copy_str(m->arena, data);
    if (type == RECORD_ATTRIBUTE)
        take_attribute(m, data);
    else
        draft_add(&m->draft, type, data);
}

/* Attributes of the next recipient in their short form. */
static void take_short(struct message *m, int type, struct str data)
{
    if (type == RECORD_DSN_NOTIFY)
        m->next.notify = notify_bits(m, data);
    else if (type == RECORD_DSN_ORIGINAL)
        m->next.orcpt = arena_copy_str(m->arena, data);
    else if (type == RECORD_DSN_ENVID)
        draft_add_attribute(&m->draft, "envelope_id", arena_copy_str(m->scratch, data));
    else
        draft_add_attribute(&m->draft, "ret_flags", arena_copy_str(m->scratch, data));
}

static bool is_of_next(int type, struct str data)
{
    return type == RECORD_ATTRIBUTE &&
           (str_starts(data, "notify_flags=") || str_starts(data, "dsn_orig_rcpt="));
}

static bool is_order(int type, struct str data)
{
    return type == RECORD_ATTRIBUTE &&
           (str_starts(data, "hold=") || str_starts(data, "discard="));
}

static void take(struct message *m, int type, struct str data)
{
    if (is_of_next(type, data)) {
        take_attribute(m, data);
        return;
    }
    switch (type) {
    case RECORD_SENDER:
        take_sender(m, data);
        break;
    case RECORD_RECIPIENT:
        take_recipient(m, data);
        break;
    case RECORD_DSN_NOTIFY:
    case RECORD_DSN_ORIGINAL:
    case RECORD_DSN_ENVID:
    case RECORD_DSN_RET:
        take_short(m, type, data);
        break;
    case RECORD_ATTRIBUTE:
    case RECORD_FILTER:
    case RECORD_FULL_NAME:
    case RECORD_INSPECTOR:
    case RECORD_VERP:
    case RECORD_REDIRECT:
        pass(m, type, data);
        break;
    case RECORD_CONTENT:
        start_content(m);
        break;
    case RECORD_ORIGINAL: /* mail that local forwards, or that was queued before */
        m->next.original = arena_copy_str(m->arena, data);
        break;
    case RECORD_TIME: /* the first one holds */
    case RECORD_WARN:
        break;
    default:
        bad(m, type, "not expected here");
    }
}

void envelope_record(struct message *m, int type, struct str data)
{
    if (!record_fits_envelope(data))
        bad(m, type, "more than one line, or too long");
    else if (!m->has_arrival && type != RECORD_TIME)
        bad(m, type, "before the arrival time");
    else if (!m->has_arrival)
        take_time(m, data);
    else
        take(m, type, data);
}

/* --- behind the content
 * ------------------------------------------------------------------- */

void extracted_start(struct message *m)
{
    const struct texts *recipients =
        m->extracted_resent.n ? &m->extracted_resent : &m->extracted;

    if (m->filter)
        draft_add_text(&m->draft, RECORD_FILTER, m->filter);
    if (m->redirect)
        draft_add_text(&m->draft, RECORD_REDIRECT, m->redirect);
    if (m->encoding)
        draft_add_attribute(&m->draft, "encoding", m->encoding);
    for (size_t i = 0; i < recipients->n; i++)
        recipient_add(m, &(struct addressee){.address = recipients->items[i],
                                             .original = recipients->items[i]});
    for (size_t i = 0; i < m->copies.n; i++)
        recipient_add_copy(m, m->copies.items[i]);
}

static void end(struct message *m)
{
    recipient_add_always_bcc(m);
    edits_end(m);
    draft_add(&m->draft, RECORD_END, STR(""));
}

void extracted_record(struct message *m, int type, struct str data)
{
    if (!record_fits_envelope(data))
        bad(m, type, "more than one line, or too long");
    else if (type == RECORD_RECIPIENT)
        take_recipient(m, data);
    else if (is_of_next(type, data) || is_order(type, data))
        take_attribute(m, data);
    else if (type == RECORD_FILTER || type == RECORD_REDIRECT)
        draft_add(&m->draft, type, data);
    else if (type == RECORD_DSN_NOTIFY || type == RECORD_DSN_ORIGINAL)
        take_short(m, type, data);
    else if (type == RECORD_END)
        end(m);
    else if (type != RECORD_ORIGINAL && type != RECORD_ATTRIBUTE)
        bad(m, type, "not expected behind the content");
}
