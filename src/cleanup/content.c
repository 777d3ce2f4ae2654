/*
 * Tells header from body, puts folded headers together, and passes the body
 * on as it is. The header ends at the first line that can't belong to one;
 * when that is not the empty line, one is put in.
 */
#include "cleanup/cleanup.h"
#include "util/log.h"

static void add_line(struct message *m, struct str line)
{
    size_t most = (size_t)m->cleaner->conf->line_length_limit;

    for (; most > 0 && line.n > most; line = str_tail(line, most))
        draft_add(&m->draft, RECORD_CHUNK, str_head(line, most));
    draft_add(&m->draft, RECORD_LINE, line);
}

void content_add_header(struct message *m, struct str logical)
{
    while (logical.n)
        add_line(m, str_until(&logical, '\n'));
}

/* --- the header ------------------------------------------------------------------------
 */

/* Add text to the header that is being collected; what is beyond the limit is dropped. */
static void collect(struct message *m, struct str text)
{
    size_t limit = (size_t)m->cleaner->conf->header_size_limit;

    if (m->header.n < limit)
        buf_add_str(&m->header, str_head(text, limit - m->header.n));
}

static void finish_header(struct message *m)
{
    if (m->header.n == 0)
        return;
    header_take(m, buf_str(&m->header));
    buf_reset(&m->header);
}

static void end_header(struct message *m)
{
    finish_header(m);
    header_complete(m);
    m->in_body = true;
    draft_add(&m->draft, RECORD_LINE, STR(""));
}

/* A record of the header, or the first of the body. */
static void take_header_record(struct message *m, int type, struct str data)
{
    if (m->in_line) {
        collect(m, data);
    } else if (m->header.n && header_is_continuation(data)) {
        collect(m, STR("\n"));
        collect(m, data);
    } else if (header_name_length(data)) {
        finish_header(m);
        collect(m, data);
    } else {
        end_header(m);
        if (type == RECORD_CHUNK || data.n)
            draft_add(&m->draft, type, data);
    }
}

/* --- all content
 * ------------------------------------------------------------------------- */

/* CR and LF inside a line would mean different things to different programs. */
static struct str without_stray(struct message *m, struct str data)
{
    if (data.n == 0 || !m->cleaner->conf->cleanup_replace_stray_cr_lf ||
        !(m->flags & SUBMIT_FILTER) ||
        (!memchr(data.p, '\r', data.n) && !memchr(data.p, '\n', data.n)))
        return data;
    m->clean = arena_copy_str(m->arena, data);
    for (size_t i = 0; i < data.n; i++)
        if (m->clean[i] == '\r' || m->clean[i] == '\n')
            m->clean[i] = ' ';
    return str_from(m->clean, data.n);
}

void content_end(struct message *m)
{
    if (!m->in_body) {
        finish_header(m);
        header_complete(m);
    }
    m->content_end = draft_offset(&m->draft);
    draft_add(&m->draft, RECORD_EXTRACTED, STR(""));
    m->segment = SEGMENT_EXTRACTED;
}

void content_record(struct message *m, int type, struct str data)
{
    if (type == RECORD_EXTRACTED) {
        content_end(m);
        return;
    }
    if (type != RECORD_LINE && type != RECORD_CHUNK) {
        if (type != RECORD_PAD) {
            log_warning("%s: a record of type %d in the content", m->draft.id, type);
            message_fail(m, SUBMIT_BAD_RECORD, NULL);
        }
        return;
    }
    data = without_stray(m, data);
    if (m->in_body)
        draft_add(&m->draft, type, data);
    else
        take_header_record(m, type, data);
    m->in_line = type == RECORD_CHUNK;
}
