/*
 * The content: cleaned of characters that have no place in it, taken apart by
 * the MIME engine, checked, and written. Headers of the message itself go to
 * header.c; all else passes as it is, if no check objects.
 */
#include "cleanup/cleanup.h"

#include "util/log.h"

/* --- writing ---------------------------------------------------------------------------
 */

static void add_line(struct message *m, struct str line)
{
    size_t most = (size_t)m->cleaner->conf->line_length_limit;

    for (; most > 0 && line.n > most; line = str_tail(line, most))
        draft_add(&m->draft, RECORD_CHUNK, str_head(line, most));
    draft_add(&m->draft, RECORD_LINE, line);
}

void content_add_header(struct message *m, struct str logical)
{
    const off_t start = draft_offset(&m->draft);

    while (logical.n)
        add_line(m, str_until(&logical, '\n'));
    edits_note_header(m, start);
}

/* --- what the MIME engine finds
 * ------------------------------------------------------------- */

static void on_header(void *context, enum mime_place place, struct str logical)
{
    struct message *m = context;

    if (place == MIME_PRIMARY) {
        header_take(m, logical);
        return;
    }
    if (checks_pass(m,
                    header_kind(header_name(logical))->flags & HEADER_MIME ||
                            place == MIME_PART
                        ? CHECK_MIME
                        : CHECK_NESTED,
                    &logical))
        content_add_header(m, logical);
}

static void mime_error(struct message *m, const char *words, struct str text)
{
    struct maillog_context context = {.sender = m->client.sender,
                                      .recipient = m->client.recipient};

    if (m->status != SUBMIT_OK)
        return;
    maillog_content(
        m->cleaner->style,
        &(struct maillog_content){.queue_id = m->draft.id,
                                  .action = "reject",
                                  .part = arena_printf(m->arena, "mime-error %s:", words),
                                  .text = text,
                                  .origin = m->origin,
                                  .context = &context});
    message_fail(m, SUBMIT_REJECTED, arena_printf(m->arena, "5.6.0 %s", words));
}

/* The line behind the header is not the empty one. */
static void tell_of_missing_line(struct message *m, struct str line)
{
    static const char words[] = "text where an empty line should end the header";
    const char *action = m->cleaner->conf->non_empty_end_of_header_action;

    if (strcmp(action, "add_header") == 0)
        content_add_header(m, str_of(arena_printf(m->arena, "MIME-Error: %s", words)));
    else if (strcmp(action, "reject") == 0)
        mime_error(m, words, line);
}

static void on_header_end(void *context, enum mime_place place, bool missing_line,
                          struct str line)
{
    struct message *m = context;

    m->body_checked = 0;
    if (place != MIME_PRIMARY || m->discarded)
        return;
    if (missing_line && line.n && (m->flags & SUBMIT_FILTER))
        tell_of_missing_line(m, line);
    header_complete(m);
    edits_header_end(m);
    if (missing_line) {
        draft_add(&m->draft, RECORD_LINE, STR(""));
        edits_body_begin(m);
    }
}

static void on_body(void *context, bool ends, struct str text)
{
    struct message *m = context;

    if (text.n && m->body_checked < m->cleaner->conf->body_checks_size_limit) {
        m->body_checked += (long long)text.n;
        if (!checks_pass(m, CHECK_BODY, &text))
            return;
    }
    draft_add(&m->draft, ends ? RECORD_LINE : RECORD_CHUNK, text);
    edits_body_begin(m); /* the first line was the empty one behind the header */
}

static void on_error(void *context, enum mime_error error, struct str text)
{
    mime_error(context, mime_error_text(error), text);
}

/* --- its start and end
 * ------------------------------------------------------------------------ */

/* What main.cf wants to be refused. */
static unsigned wanted_reports(const struct message *m)
{
    const struct cleaner *cleaner = m->cleaner;
    const struct conf *conf = cleaner->conf;
    unsigned report = 0;

    if (conf->disable_mime_input_processing || !(m->flags & SUBMIT_FILTER))
        return 0;
    if (conf->strict_8bitmime || conf->strict_7bit_headers)
        report |= MIME_8BIT_HEADER;
    if (conf->strict_8bitmime || conf->strict_8bitmime_body)
        report |= MIME_8BIT_BODY;
    if (conf->strict_mime_encoding_domain)
        report |= MIME_BAD_ENCODING;
    for (size_t i = 0; i < CHECK_MILTER; i++)
        if (!maps_empty(cleaner->checks[i]))
            report |= MIME_TOO_DEEP;
    return report ? report | MIME_TOO_DEEP : 0;
}

void content_start(struct message *m)
{
    static const struct mime_callbacks callbacks = {on_header, on_header_end, on_body,
                                                    on_error};
    const struct conf *conf = m->cleaner->conf;
    bool filter = m->flags & SUBMIT_FILTER;
    struct mime_options options = {
        .whole = conf->disable_mime_input_processing || !filter,
        .to_7bit = conf->force_mime_input_conversion && filter,
        .report = wanted_reports(m),
        .header_limit = (size_t)conf->header_size_limit,
        .boundary_limit = (size_t)conf->mime_boundary_length_limit,
        .nesting_limit = (size_t)conf->mime_nesting_limit,
    };

    m->mime = mime_new(&options, &callbacks, m);
}

static void end(struct message *m)
{
    mime_end(m->mime);
    if (m->cleaner->conf->force_mime_input_conversion && (m->flags & SUBMIT_FILTER))
        m->encoding = "7bit";
    else if (mime_is_8bit(m->mime) && m->cleaner->conf->detect_8bit_encoding_header)
        m->encoding = "8bit";
    if (draft_offset(&m->draft) == m->size.content_offset)
        draft_add(&m->draft, RECORD_LINE,
                  STR("")); /* no content at all would be corrupt */
    edits_body_end(m);
    m->content_end = draft_offset(&m->draft);
    draft_add(&m->draft, RECORD_EXTRACTED, STR(""));
    m->segment = SEGMENT_EXTRACTED;
    extracted_start(m);
}

/* --- characters
 * ---------------------------------------------------------------------------------- */

/* CR and LF inside a line would mean different things to different programs. */
static bool is_stray(const struct message *m, char c)
{
    return (c == '\r' || c == '\n') && m->cleaner->conf->cleanup_replace_stray_cr_lf;
}

static bool needs_cleaning(const struct message *m, struct str data)
{
    if (m->cleaner->strip.n)
        return true;
    return m->cleaner->conf->cleanup_replace_stray_cr_lf &&
           (memchr(data.p, '\r', data.n) || memchr(data.p, '\n', data.n));
}

static bool has_any(struct str data, const struct buf *set)
{
    for (size_t i = 0; i < set->n; i++)
        if (memchr(data.p, set->p[i], data.n))
            return true;
    return false;
}

static struct str cleaned(struct message *m, struct str data)
{
    struct str strip = buf_str(&m->cleaner->strip);

    if (data.n == 0 || !needs_cleaning(m, data))
        return data;
    buf_reset(&m->clean);
    for (size_t i = 0; i < data.n; i++)
        if (str_find(strip, data.p[i]) == strip.n)
            buf_add_char(&m->clean, is_stray(m, data.p[i]) ? ' ' : data.p[i]);
    return buf_str(&m->clean);
}

/* message_reject_characters */
static void refuse_characters(struct message *m, struct str data)
{
    static const char reason[] = "5.7.1 disallowed character";

    if (m->status != SUBMIT_OK || data.n == 0 || !has_any(data, &m->cleaner->reject))
        return;
    maillog_content(m->cleaner->style, &(struct maillog_content){.queue_id = m->draft.id,
                                                                 .action = "reject",
                                                                 .part = "content",
                                                                 .text = data,
                                                                 .origin = m->origin,
                                                                 .context = &m->client,
                                                                 .words = reason});
    message_fail(m, SUBMIT_REJECTED, reason);
    m->unchecked = true;
}

void content_record(struct message *m, int type, struct str data)
{
    if (type == RECORD_EXTRACTED) {
        end(m);
        return;
    }
    if (type == RECORD_PAD)
        return;
    if (type != RECORD_LINE && type != RECORD_CHUNK) {
        log_warning("%s: a record of type %d in the content", m->draft.id, type);
        message_fail(m, SUBMIT_BAD_RECORD, NULL);
        return;
    }
    if (m->flags & SUBMIT_FILTER) {
        data = cleaned(m, data);
        refuse_characters(m, data);
    }
    mime_take(m->mime, type == RECORD_LINE, data);
}
