/*
 * The report itself: multipart/report with the words for people, the delivery
 * status for programs (RFC 3464), and the message or its header (RFC 6522).
 */
#include "bounce/bounce.h"

#include "mail/address.h"
#include "mail/date.h"
#include "queue/record.h"
#include "queue/submit.h"

#include <unistd.h>

enum { WRAP_COLUMN = 79, WRAP_INDENT = 4 };

/* A report in the making. */
struct writer {
    struct bouncer *bouncer;
    const struct report *report;
    struct arena *arena;
    struct submission *out;
    struct envelope envelope; /* of the original */
    int fd;                   /* the original's queue file */
    const char *words;        /* for people; found first, since it settles the template */
    const char *boundary;
};

#define LINE(w, ...) submit_printf((w)->out, RECORD_LINE, __VA_ARGS__)

static const char *encoding_of(const struct writer *w)
{
    if (w->bouncer->conf->smtputf8_enable)
        return "8bit";
    return *w->report->about->encoding ? w->report->about->encoding : "7bit";
}

static void add_date(const struct writer *w, const char *name, time_t when)
{
    struct buf date;

    buf_init(&date, 100);
    date_add_header(&date, when);
    LINE(w, "%s: %s", name, buf_text(&date));
    buf_done(&date);
}

static const struct template *template_of(const struct writer *w)
{
    return &w->bouncer->templates.of[w->report->kind];
}

/* --- envelope and header ---------------------------------------------------------------
 */

static void add_envelope(struct writer *w)
{
    struct timeval now = clock_wall(&clock_system);

    submit_printf(w->out, RECORD_TIME, "%ld %ld", (long)now.tv_sec, (long)now.tv_usec);
    submit_attribute(w->out, "log_message_origin", "local");
    submit_attribute(w->out, "rewrite_context", "local");
    submit_record(w->out, RECORD_SENDER, str_of(w->report->sender));
    submit_attribute(w->out, "encoding", encoding_of(w));
    submit_record(w->out, RECORD_RECIPIENT, str_of(w->report->to));
    submit_record(w->out, RECORD_CONTENT, STR(""));
}

/* Readers of mail show the report beside the message that it is about. */
static void add_thread(const struct writer *w)
{
    const char *id = "";

    if (w->bouncer->conf->enable_threaded_bounces)
        id = message_id(w->fd, w->envelope.size.content_offset, w->arena);
    if (*id == '\0')
        return;
    LINE(w, "References: %s", id);
    LINE(w, "In-Reply-To: %s", id);
}

static void add_header(struct writer *w, const char *queue_id)
{
    const struct conf *conf = w->bouncer->conf;
    const struct template *template = template_of(w);
    time_t now = clock_wall(&clock_system).tv_sec;
    struct buf date;

    buf_init(&date, 100);
    date_add_header(&date, now);
    LINE(w, "Received: by %s (%s)", conf->myhostname, conf->mail_name);
    LINE(w, "\tid %s; %s", queue_id, buf_text(&date));
    buf_done(&date);
    add_date(w, "Date", now);
    LINE(w, "From: %s", template->from);
    LINE(w, "Subject: %s",
         w->report->to_postmaster ? template->postmaster_subject : template->subject);
    LINE(w, "To: %s", address_external(w->arena, str_of(w->report->to)));
    add_thread(w);
    LINE(w, "Auto-Submitted: %s",
         w->report->to_postmaster ? "auto-generated" : "auto-replied");
    LINE(w, "MIME-Version: 1.0");
    LINE(w, "Content-Type: multipart/report; report-type=delivery-status;");
    LINE(w, "\tboundary=\"%s\"", w->boundary);
    LINE(w, "Content-Transfer-Encoding: %s", encoding_of(w));
    LINE(w, "%s", "");
    LINE(w, "This is a MIME-encapsulated message.");
}

static void add_part(const struct writer *w, const char *description, const char *type)
{
    LINE(w, "%s", "");
    LINE(w, "--%s", w->boundary);
    LINE(w, "Content-Description: %s", description);
    LINE(w, "Content-Type: %s", type);
    LINE(w, "Content-Transfer-Encoding: %s", encoding_of(w));
    LINE(w, "%s", "");
}

/* --- the words for people
 * ------------------------------------------------------------------ */

static void add_lines(const struct writer *w, const char *text)
{
    struct str rest = str_of(text);

    while (rest.n) {
        struct str line = str_until(&rest, '\n');

        LINE(w, "%.*s", STR_ARG(line));
    }
}

/* Break text at blanks so that lines stay within WRAP_COLUMN; words that are longer stay
 * whole. */
static void add_wrapped(const struct writer *w, const char *text)
{
    struct str rest = str_of(text), word;
    struct buf line;

    buf_init(&line, IPC_VALUE_MAX * 4);
    while ((word = str_word(&rest, " \n")).n) {
        if (line.n > WRAP_INDENT && line.n + 1 + word.n > WRAP_COLUMN) {
            LINE(w, "%s", buf_text(&line));
            buf_reset(&line);
            buf_add_repeat(&line, ' ', WRAP_INDENT);
        } else if (line.n) {
            buf_add_char(&line, ' ');
        }
        buf_add_str(&line, word);
    }
    LINE(w, "%s", line.n ? buf_text(&line) : "");
    buf_done(&line);
}

/* The built-in words are ASCII; a readable form of our own name need not be. */
static const char *charset_of(const struct writer *w)
{
    const char *charset = template_of(w)->charset;

    if (w->bouncer->conf->smtputf8_enable && str_is_nocase(str_of(charset), "us-ascii"))
        return "utf-8";
    return charset;
}

static void add_explanation(struct writer *w)
{
    const struct failed_recipients *failed = &w->report->failed;

    add_part(w, "Notification",
             arena_printf(w->arena, "text/plain; charset=%s", charset_of(w)));
    if (!w->report->to_postmaster)
        add_lines(w, w->words);
    for (size_t i = 0; i < failed->n; i++) {
        const struct recipient_log_entry *entry = &failed->entries[i];
        const char *expanded =
            *entry->original && strcasecmp(entry->original, entry->recipient) != 0
                ? arena_printf(w->arena, " (expanded from <%s>)", entry->original)
                : "";

        LINE(w, "%s", "");
        add_wrapped(w, arena_printf(w->arena, "<%s>%s: %s", entry->recipient, expanded,
                                    entry->reason));
    }
}

/* --- the status for programs
 * ----------------------------------------------------------------- */

/* X-$mail_name-..., with what may not stand in a header name replaced. */
static const char *own_field(const struct writer *w)
{
    char *name = arena_printf(w->arena, "X-%s", w->bouncer->conf->mail_name);

    for (char *p = name; *p; p++)
        if (*p <= ' ' || *p == ':' || *p >= 127)
            *p = '-';
    return name;
}

/* RFC 6533 section 3: an address beyond ASCII is of another type. */
static const char *address_type(const char *address)
{
    for (const char *p = address; *p; p++)
        if ((unsigned char)*p > 127)
            return "utf-8";
    return "rfc822";
}

/* compat: nobody is MAILER-DAEMON, also in the Return-Path of what is returned. */
static const char *original_sender(const struct writer *w)
{
    const char *sender = w->report->about->sender;

    if (*sender == '\0')
        return arena_printf(w->arena, "MAILER-DAEMON@%s", w->bouncer->conf->myhostname);
    return address_external(w->arena, str_of(sender));
}

static void add_message_fields(struct writer *w)
{
    const struct bounce_report *about = w->report->about;
    const char *own = own_field(w);

    LINE(w, "Reporting-MTA: dns; %s", w->bouncer->conf->myhostname);
    if (*about->envelope_id)
        LINE(w, "Original-Envelope-Id: %s", about->envelope_id);
    LINE(w, "%s-Queue-ID: %s", own, about->queue_id);
    LINE(w, "%s-Sender: %s; %s", own, address_type(about->sender), original_sender(w));
    add_date(w, "Arrival-Date", w->envelope.arrival.tv_sec);
}

static void add_original_recipient(struct writer *w,
                                   const struct recipient_log_entry *entry)
{
    if (*entry->dsn_orig_rcpt)
        LINE(w, "Original-Recipient: %s", entry->dsn_orig_rcpt);
    else if (*entry->original)
        LINE(w, "Original-Recipient: %s; %s", address_type(entry->original),
             entry->original);
}

static void add_recipient_fields(struct writer *w,
                                 const struct recipient_log_entry *entry)
{
    LINE(w, "%s", "");
    LINE(w, "Final-Recipient: %s; %s", address_type(entry->recipient), entry->recipient);
    add_original_recipient(w, entry);
    LINE(w, "Action: %s", w->report->kind == REPORT_FAILURE ? "failed" : entry->action);
    LINE(w, "Status: %s", entry->status);
    if (*entry->mta_type && *entry->mta_name)
        LINE(w, "Remote-MTA: %s; %s", entry->mta_type, entry->mta_name);
    if (*entry->diag_type)
        add_wrapped(w, arena_printf(w->arena, "Diagnostic-Code: %s; %s", entry->diag_type,
                                    entry->diag_text));
    else
        add_wrapped(w, arena_printf(w->arena, "Diagnostic-Code: %s; %s", own_field(w),
                                    entry->reason));
    if (w->report->kind == REPORT_DELAY)
        add_date(w, "Will-Retry-Until",
                 w->envelope.arrival.tv_sec + w->bouncer->conf->maximal_queue_lifetime);
}

/* The client asked for internationalized mail: 8-bit headers alone ask for nothing, and
 * many readers of reports know the old forms only. */
static bool is_international(const struct writer *w)
{
    return w->report->about->utf8 & SIZE_SMTPUTF8;
}

static void add_status(struct writer *w)
{
    LINE(w, "%s", "");
    LINE(w, "--%s", w->boundary);
    LINE(w, "Content-Description: Delivery report");
    LINE(w, "Content-Type: message/%sdelivery-status",
         is_international(w) ? "global-" : "");
    LINE(w, "%s", "");
    add_message_fields(w);
    for (size_t i = 0; i < w->report->failed.n; i++)
        add_recipient_fields(w, &w->report->failed.entries[i]);
}

/* --- the original
 * -------------------------------------------------------------------------------- */

static bool is_whole(const struct writer *w)
{
    const struct report *report = w->report;
    int limit = w->bouncer->conf->bounce_size_limit;

    if (report->whole)
        return true;
    return report->kind == REPORT_FAILURE && !report->to_postmaster &&
           report->about->ret_flags != RET_HEADERS &&
           w->envelope.size.content_bytes <= limit;
}

/* Content records from the queue file: all, or those before the first empty line. */
static int copy_content(struct writer *w, bool whole, struct fail *why)
{
    struct record_reader reader;
    struct record record;
    enum record_result result;
    bool at_start = true;

    record_reader_init(&reader, w->fd, w->envelope.size.content_offset);
    while ((result = record_read(&reader, &record, why)) == RECORD_OK &&
           (record.type == RECORD_LINE || record.type == RECORD_CHUNK ||
            record.type == RECORD_PAD)) {
        if (record.type == RECORD_PAD)
            continue;
        if (!whole && at_start && record.type == RECORD_LINE && record.data.n == 0)
            break;
        submit_record(w->out, record.type, record.data);
        at_start = record.type == RECORD_LINE;
    }
    record_reader_done(&reader);
    if (result == RECORD_OK)
        return 0;
    return result == RECORD_EOF ? fail_set(why, "the queue file ends early") : -1;
}

static const char *description_of(const struct writer *w, bool whole)
{
    enum report_kind kind = w->report->kind;
    bool undelivered = kind == REPORT_FAILURE || kind == REPORT_DELAY;

    return arena_printf(w->arena, "%sMessage%s", undelivered ? "Undelivered " : "",
                        whole ? "" : " Headers");
}

/* RFC 6522 and RFC 6533: the forms for internationalized mail have names of their own. */
static const char *content_type(const struct writer *w, bool whole)
{
    if (is_international(w))
        return whole ? "message/global" : "message/global-headers";
    return whole ? "message/rfc822" : "text/rfc822-headers";
}

static int add_original(struct writer *w, struct fail *why)
{
    bool whole = is_whole(w);

    add_part(w, description_of(w, whole), content_type(w, whole));
    LINE(w, "Return-Path: <%s>", original_sender(w));
    if (copy_content(w, whole, why) < 0)
        return -1;
    LINE(w, "%s", "");
    LINE(w, "--%s--", w->boundary);
    return 0;
}

/* --- all of it
 * ---------------------------------------------------------------------------------------
 */

static int open_original(struct writer *w, struct fail *why)
{
    const struct bounce_report *about = w->report->about;
    int found = spool_open(&w->bouncer->spool, about->queue_name, about->queue_id, 0,
                           &w->fd, why);

    if (found == 0)
        return fail_set(why, "no queue file in %s", about->queue_name);
    if (found < 0)
        return -1;
    if (envelope_read(w->fd, 0, w->arena, &w->envelope, why) < 0) {
        close(w->fd);
        return -1;
    }
    return 0;
}

static int write_report(struct writer *w, const char *queue_id, struct fail *why)
{
    struct submit_done done;

    add_envelope(w);
    add_header(w, queue_id);
    add_explanation(w);
    add_status(w);
    if (add_original(w, why) < 0) {
        submit_cancel(w->out);
        return -1;
    }
    submit_record(w->out, RECORD_EXTRACTED, STR(""));
    submit_record(w->out, RECORD_END, STR(""));
    done = submit_close(w->out, w->arena);
    if (done.status != SUBMIT_OK)
        return fail_set(why, "cleanup: %s",
                        *done.reason ? done.reason : "message not accepted");
    return 0;
}

/* Our own mail is checked only when main.cf wants that. */
static int submit_flags(const struct writer *w)
{
    const struct conf *conf = w->bouncer->conf;
    const char *class = w->report->to_postmaster ? "notify" : "bounce";
    struct str rest = str_of(conf->internal_mail_filter_classes), word;
    int flags = SUBMIT_MAP | SUBMIT_NO_BCC |
                submit_auto_utf8(conf->smtputf8_autodetect_classes, class);

    while ((word = str_word(&rest, ", \t\r\n")).n)
        if (str_is_nocase(word, class))
            flags |= SUBMIT_FILTER | SUBMIT_MILTER;
    return flags;
}

int report_send(struct bouncer *bouncer, const struct report *report, struct arena *arena,
                const char **ret_id, struct fail *why)
{
    struct writer w = {
        .bouncer = bouncer,
        .report = report,
        .arena = arena,
        .boundary = arena_printf(arena, "%s.%ld/%s", report->about->queue_id,
                                 (long)clock_wall(&clock_system).tv_sec,
                                 bouncer->conf->myhostname),
    };
    const char *id = NULL;
    int result = -1;

    if (open_original(&w, why) < 0)
        return -1;
    w.words = templates_text(&bouncer->templates, report->kind, bouncer->conf, arena);
    w.out = submit_open(bouncer->cleanup, submit_flags(&w), 0, arena, &id, why);
    if (w.out)
        result = write_report(&w, id, why);
    close(w.fd);
    if (result == 0)
        *ret_id = id;
    return result;
}
