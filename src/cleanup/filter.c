/*
 * Mail filters (milters) and the content: when the file has been written, but is not the
 * queue's yet, each filter is told of the header, the body and the end, and what it wants
 * changed is changed. The next filter sees what the one before it has made.
 *
 * The filters of SMTP mail come from smtpd, with connections that know the envelope. Mail
 * that came in another way meets non_smtpd_milters, which are told of a client on this
 * host.
 */
#include "cleanup/cleanup.h"

#include "queue/reader.h"
#include "util/log.h"

/* --- verdicts ----------------------------------------------------------------------- */

static const char local_origin[] = "localhost[127.0.0.1]";

/* stage: "RCPT"; where the message did not come by SMTP, the client is this host. */
static void log_verdict(struct message *m, const char *stage, const char *action,
                        const char *text)
{
    struct maillog_context context = m->client;

    if (m->filtered_recipient)
        context.recipient = m->filtered_recipient;
    else if (strcmp(stage, "END-OF-MESSAGE") != 0 && strcmp(stage, "DATA") != 0)
        context.recipient = NULL;
    maillog_action(m->cleaner->style, m->draft.id, action,
                   arena_printf(m->arena, "%s from %s", stage,
                                m->flags & SUBMIT_EDIT ? m->origin : local_origin),
                   text, &context);
}

/* All that the lines of a reply say, without their codes, as a reason in one line. */
static const char *reason_of(struct message *m, const char *reply)
{
    const char *reason = "";
    struct str rest = str_of(reply);

    while (rest.n) {
        struct str line = str_trim(str_tail(str_until(&rest, '\n'), strlen("550 ")));

        reason =
            arena_printf(m->arena, "%s%s%.*s", reason, *reason ? " " : "", STR_ARG(line));
    }
    return *reason ? reason
                   : arena_printf(m->arena, "%c.7.1 refused by a milter", *reply);
}

/* smtpd says the reply as it is; other submitters know a reason with its status only. */
static void refuse(struct message *m, const char *stage, const char *reply)
{
    /* compat: the log has all lines, as they are */
    const char *text = arena_copy_str(m->arena, str_tail(str_of(reply), strlen("550 ")));

    log_verdict(m, stage, "milter-reject", text);
    if (m->filtered_recipient) {
        log_warning("%s: milter configuration error: can't reject recipient in "
                    "non-smtpd(8) submission",
                    m->draft.id);
        message_fail(m, SUBMIT_TRY_AGAIN, "4.3.5 milter configuration error");
    } else if (m->flags & SUBMIT_EDIT)
        message_fail(m, SUBMIT_REPLY, arena_copy(m->arena, reply));
    else
        message_fail(m, *reply == '5' ? SUBMIT_REJECTED : SUBMIT_TRY_AGAIN,
                     reason_of(m, reply));
}

/* False: no other filter need see it. */
static bool settle(struct message *m, const char *stage,
                   const struct milter_verdict *verdict)
{
    switch (verdict->action) {
    case MILTER_CONTINUE:
        return true;
    case MILTER_HOLD:
        if (!(m->flags & SUBMIT_HOLD))
            log_verdict(m, stage, "milter-hold", "milter triggers HOLD action");
        m->flags |= SUBMIT_HOLD;
        return true;
    case MILTER_DISCARD:
        log_verdict(m, stage, "milter-discard", "milter triggers DISCARD action");
        m->discarded = true;
        return false;
    case MILTER_REFUSE:
    case MILTER_HANG_UP:
        refuse(m, stage, verdict->reply);
        return false;
    }
    panic("no verdict of a milter: %d", (int)verdict->action);
}

/* --- the content, told to one filter ------------------------------------------------ */

/* One filter at work: what it last said, and what could not be read. */
struct telling {
    struct message *m;
    struct milter *milter;
    struct milter_verdict verdict;
    struct buf text;
};

static bool goes_on(const struct telling *t)
{
    return t->verdict.action == MILTER_CONTINUE && milter_is_listening(t->milter);
}

static int tell_headers(struct telling *t, struct fail *why)
{
    const struct edits *edits = &t->m->edits;

    for (size_t i = 0; i < edits->n && goes_on(t); i++) {
        struct str logical;

        if (!milter_wants(t->milter, MILTER_HEADER))
            break;
        if (edits->headers[i].is_own)
            continue;
        if (edits_header_text(t->m, i, &t->text, why) < 0)
            return -1;
        logical = buf_str(&t->text);
        t->verdict = milter_header(t->milter, header_name(logical),
                                   str_tail(logical, str_find(logical, ':') + 1));
    }
    return 0;
}

static void tell_piece(struct telling *t, bool last)
{
    while (goes_on(t) && (t->text.n >= MILTER_PIECE || (last && t->text.n))) {
        t->verdict = milter_body(t->milter, str_head(buf_str(&t->text), MILTER_PIECE));
        buf_shift(&t->text, t->text.n < MILTER_PIECE ? t->text.n : MILTER_PIECE);
    }
}

static int tell_body(struct telling *t, struct fail *why)
{
    struct record_reader reader;
    struct record record = {0};
    enum record_result result = RECORD_OK;

    if (!goes_on(t) || !milter_wants(t->milter, MILTER_BODY))
        return 0;
    buf_reset(&t->text);
    record_reader_init(&reader, t->m->draft.fd, t->m->edits.body_start);
    while (goes_on(t) && milter_wants(t->milter, MILTER_BODY)) {
        result = record_read(&reader, &record, why);
        if (result != RECORD_OK || record.type == RECORD_EXTRACTED)
            break;
        if (record.type == RECORD_LINE || record.type == RECORD_CHUNK)
            buf_add_str(&t->text, record.data);
        if (record.type == RECORD_LINE)
            buf_add_text(&t->text, "\r\n");
        tell_piece(t, false);
    }
    record_reader_done(&reader);
    if (result == RECORD_OK && milter_wants(t->milter, MILTER_BODY))
        tell_piece(t, true);
    return result == RECORD_OK ? 0 : -1;
}

static int tell_all(struct telling *t, struct fail *why)
{
    struct milter_edits edits = edits_of_filters;

    edits.context = t->m;
    if (draft_flush(&t->m->draft, why) < 0 || tell_headers(t, why) < 0)
        return -1;
    if (goes_on(t))
        t->verdict = milter_end_of_header(t->milter);
    if (tell_body(t, why) < 0)
        return -1;
    if (!goes_on(t))
        return 0;
    return milter_end(t->milter, &edits, &t->verdict, why);
}

/* --- mail that did not come by SMTP ------------------------------------------------- */

static const char *macro(void *context, const char *name)
{
    const struct message *m = context;
    const struct conf *conf = m->cleaner->conf;
    const struct {
        const char *name, *value;
    } rows[] = {
        {"_", "localhost [127.0.0.1]"},
        {"i", m->draft.id},
        {"j", conf->myhostname},
        {"v", conf->milter_macro_v},
        {"{client_addr}", "127.0.0.1"},
        {"{client_name}", "localhost"},
        {"{client_port}", "0"},
        {"{client_ptr}", "localhost"},
        {"{daemon_addr}", "127.0.0.1"},
        {"{daemon_name}", conf->milter_macro_daemon_name},
        {"{daemon_port}", "0"},
        {"{mail_addr}", m->sender},
        {"{rcpt_addr}", m->filtered_recipient},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (strcmp(name, rows[i].name) == 0)
            return rows[i].value;
    return NULL;
}

static void warn(const char *text)
{
    log_warning("%s", text);
}

/* compat: without the <> of SMTP. */
static struct milter_verdict tell_text(struct message *m, enum milter_event event,
                                       const char *text)
{
    const struct str word = str_of(text);

    return milters_tell(m->filters, event, &word, 1);
}

static struct milter_verdict tell_address(struct message *m, enum milter_event event,
                                          const char *address)
{
    return tell_text(m, event, address_external(m->arena, str_of(address)));
}

/* Recipients as they came in, each once: what aliases made of them is none of the
 * filters' business. False: no more is to be told. */
static bool tell_recipient(struct message *m, struct str original)
{
    struct milter_verdict verdict;
    bool more;

    if (m->filtered_recipient && str_is(original, m->filtered_recipient))
        return true;
    m->filtered_recipient = arena_copy_str(m->arena, original);
    verdict = tell_address(m, MILTER_RCPT, m->filtered_recipient);
    more = settle(m, "RCPT", &verdict);
    return more && verdict.action == MILTER_CONTINUE;
}

/* 1 = go on, 0 = no more is to be told, -1 with why. */
static int tell_recipients(struct message *m, off_t start, int last_type,
                           struct fail *why)
{
    struct record_reader reader;
    struct record record = {0};
    enum record_result result = RECORD_OK;
    bool more = true;

    record_reader_init(&reader, m->draft.fd, start);
    while (more && record.type != last_type) {
        result = record_read(&reader, &record, why);
        if (result != RECORD_OK)
            break;
        if (record.type == RECORD_ORIGINAL)
            more = tell_recipient(m, record.data);
    }
    record_reader_done(&reader);
    return result == RECORD_OK ? more : -1;
}

static const struct milter_client local_client = {"localhost", '4', 0, "127.0.0.1"};

/* What an SMTP client would have said; results as above. */
static int pretend(struct message *m, struct fail *why)
{
    struct milter_verdict verdict = milters_connect(m->filters, &local_client);
    int more = settle(m, "CONNECT", &verdict);

    if (more) {
        verdict = tell_text(m, MILTER_HELO, "localhost");
        more = settle(m, "EHLO", &verdict);
    }
    if (more) {
        verdict = tell_address(m, MILTER_MAIL, m->sender);
        more = settle(m, "MAIL", &verdict);
    }
    if (more > 0)
        more = tell_recipients(m, 0, RECORD_CONTENT, why);
    if (more > 0)
        more = tell_recipients(m, m->content_end, RECORD_END, why);
    m->filtered_recipient = NULL;
    if (more > 0) {
        verdict = milters_tell(m->filters, MILTER_DATA, NULL, 0);
        more = settle(m, "DATA", &verdict);
    }
    return more;
}

/* --- all filters -------------------------------------------------------------------- */

void filter_open(struct message *m)
{
    const struct conf *conf = m->cleaner->conf;

    m->filter_host = (struct milter_host){m, macro, warn};
    if (m->flags & SUBMIT_EDIT)
        m->filters = milters_begin(conf, &m->filter_host, m->arena);
    else if ((m->flags & SUBMIT_MILTER) && *conf->non_smtpd_milters)
        m->filters =
            milters_new(conf, conf->non_smtpd_milters, &m->filter_host, m->arena);
    m->edits.wanted = m->filters != NULL;
}

void filter_take(struct message *m, struct str text, int fd)
{
    struct stream *stream = fd < 0 ? NULL : stream_new(fd, 0);
    struct fail why;

    if (!(m->flags & SUBMIT_EDIT)) {
        stream_free(stream);
        message_fail(m, SUBMIT_BAD_RECORD, NULL);
    } else if (milters_take_over(m->filters, text, stream, &why) < 0) {
        log_warning("%s: %s", m->draft.id, why.text);
        message_fail(m, SUBMIT_BAD_RECORD, NULL);
    }
}

static int pass_to_all(struct message *m, struct fail *why)
{
    struct telling t = {.m = m};
    int result = 0, told = m->flags & SUBMIT_EDIT ? 1 : pretend(m, why);
    bool more = told > 0;

    if (told < 0)
        return -1;
    buf_init(&t.text, HEADER_TEXT_MAX);
    for (t.milter = milters_first(m->filters); t.milter && more && result == 0;
         t.milter = milter_next(t.milter)) {
        t.verdict = (struct milter_verdict){0};
        if (!milter_is_listening(t.milter))
            continue;
        result = tell_all(&t, why);
        more = result == 0 && settle(m, "END-OF-MESSAGE", &t.verdict) &&
               m->status == SUBMIT_OK && !m->discarded; /* by milter_header_checks */
    }
    buf_done(&t.text);
    return result;
}

void filter_message(struct message *m)
{
    struct fail why;

    if (milters_first(m->filters) == NULL)
        return;
    /* What filters add may be as long as a message, whatever the client has sent. */
    if (m->draft.limit > 0)
        m->draft.limit += draft_offset(&m->draft);
    if (draft_flush(&m->draft, &why) < 0 || edits_start(m, &why) < 0 ||
        pass_to_all(m, &why) < 0 ||
        (m->status == SUBMIT_OK && !m->discarded && edits_finish(m, &why) < 0)) {
        log_warning("%s: %s", m->draft.id, why.text);
        message_fail(m, SUBMIT_WRITE_ERROR, NULL);
    }
}

void filter_close(struct message *m)
{
    if (m->filters && (m->flags & SUBMIT_EDIT))
        milters_free(m->filters); /* smtpd goes on with them */
    else if (m->filters)
        milters_quit(m->filters);
    m->filters = NULL;
}
