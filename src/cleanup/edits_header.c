/*
 * The list of headers while filters change it. Filters count headers as they see them;
 * our own Received: is none of theirs.
 */
#include "cleanup/edits.h"

#include "queue/reader.h"

static struct header_entry *make_room(struct message *m, size_t at)
{
    struct edits *edits = &m->edits;

    if (edits->n == edits->size) {
        struct header_entry *more;

        edits->size = edits->size ? 2 * edits->size : 32;
        more = arena_array(m->arena, edits->size, sizeof *more);
        if (edits->n)
            memcpy(more, edits->headers, edits->n * sizeof *more);
        edits->headers = more;
    }
    memmove(edits->headers + at + 1, edits->headers + at,
            (edits->n - at) * sizeof *edits->headers);
    edits->n++;
    return edits->headers + at;
}

void edits_note_header(struct message *m, off_t start)
{
    struct edits *edits = &m->edits;

    if (edits->in_header)
        *make_room(m, edits->n) =
            (struct header_entry){.start = start, .end = draft_offset(&m->draft)};
}

/* Text of the file, its records as lines. */
static int read_text(struct message *m, off_t start, off_t end, struct buf *out,
                     struct fail *why)
{
    struct record_reader reader;
    struct record record;
    enum record_result result = RECORD_OK;

    record_reader_init(&reader, m->draft.fd, start);
    while (reader.next < end && result == RECORD_OK) {
        result = record_read(&reader, &record, why);
        if (result == RECORD_OK && record.type != RECORD_PAD) {
            buf_add_str(out, record.data);
            if (record.type == RECORD_LINE && record.next < end)
                buf_add_char(out, '\n');
        }
    }
    record_reader_done(&reader);
    return result == RECORD_OK ? 0 : -1;
}

int edits_header_text(struct message *m, size_t i, struct buf *out, struct fail *why)
{
    const struct header_entry *entry = &m->edits.headers[i];

    buf_reset(out);
    if (!entry->text)
        return read_text(m, entry->start, entry->end, out, why);
    buf_add_text(out, entry->text);
    return 0;
}

/* Our own Received: header is none of the filters' business: its place, or n. */
static int find_own(struct message *m, size_t *ret, struct fail *why)
{
    struct edits *edits = &m->edits;
    struct buf text;
    int result = 0;

    buf_init(&text, HEADER_TEXT_MAX);
    for (*ret = 0; *ret < edits->n && result == 0; (*ret)++) {
        result = edits_header_text(m, *ret, &text, why);
        if (result == 0 && !edits->headers[*ret].text &&
            str_is_nocase(header_name(buf_str(&text)), "Received"))
            break;
    }
    buf_done(&text);
    return result;
}

int edits_start(struct message *m, struct fail *why)
{
    size_t own;

    if (find_own(m, &own, why) < 0)
        return -1;
    if (own < m->edits.n)
        m->edits.headers[own].is_own = true;
    return 0;
}

/* The place of the index-th header that filters know, from 1; n = there are not so many.
 */
static size_t place_of(const struct edits *edits, uint32_t index)
{
    size_t i;

    for (i = 0; i < edits->n; i++)
        if (!edits->headers[i].is_own && --index == 0)
            break;
    return i;
}

/* "Name: value", with line ends of a message, and each further line folded. */
static const char *compose(struct message *m, struct str name, struct str value)
{
    struct buf text;
    const char *copy;

    buf_init(&text, (size_t)4 * HEADER_TEXT_MAX);
    buf_printf(&text, "%.*s:", STR_ARG(name));
    for (bool first = true; first || value.n; first = false) {
        struct str line = str_until(&value, '\n');

        while (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (!first)
            buf_add_char(&text, '\n');
        if (!first && (line.n == 0 || (line.p[0] != ' ' && line.p[0] != '\t')))
            buf_add_char(&text, '\t');
        buf_add_str(&text, line);
    }
    copy = arena_copy_str(m->arena, buf_str(&text));
    buf_done(&text);
    return copy;
}

/* What milter_header_checks make of a header that is to be written; NULL = nothing. */
static const char *checked(struct message *m, const char *text)
{
    const char *filter = m->filter, *redirect = m->redirect;
    const size_t copies = m->copies.n;
    struct str logical = str_of(text);
    off_t start;
    bool keep;

    arena_reset(m->scratch);
    keep = checks_pass(m, CHECK_MILTER, &logical);
    text = arena_copy_str(m->arena, logical);
    start = edits_begin_envelope(m);
    if (m->filter != filter)
        draft_add_text(&m->draft, RECORD_FILTER, m->filter);
    if (m->redirect != redirect)
        draft_add_text(&m->draft, RECORD_REDIRECT, m->redirect);
    for (size_t i = copies; i < m->copies.n; i++)
        recipient_add_late(m, &(struct addressee){.address = m->copies.items[i],
                                                  .original = m->copies.items[i]});
    edits_add_to_envelope(m, start);
    return keep ? text : NULL;
}

/* Headers are held in memory until the filters are done: no more than may be written. */
static bool takes(struct message *m, struct str name, struct str value)
{
    m->edits.held += (off_t)(sizeof(struct header_entry) + name.n + value.n);
    if (m->draft.limit > 0 && m->edits.held > m->draft.limit)
        message_fail(m, SUBMIT_TOO_BIG, NULL);
    return m->status == SUBMIT_OK;
}

static void insert(struct message *m, size_t at, struct str name, struct str value)
{
    const char *text = takes(m, name, value) ? checked(m, compose(m, name, value)) : NULL;

    if (text == NULL)
        return;
    *make_room(m, at) = (struct header_entry){.text = text};
    m->edits.header_changed = true;
}

int edits_add_header(void *context, struct str name, struct str value, struct fail *why)
{
    struct message *m = context;

    (void)why;
    insert(m, m->edits.n, name, value);
    return 0;
}

int edits_insert_header(void *context, uint32_t index, struct str name, struct str value,
                        struct fail *why)
{
    struct message *m = context;

    (void)why;
    insert(m, index == 0 ? 0 : place_of(&m->edits, index), name, value);
    return 0;
}

/* The index-th header of that name: its place, n when there is none. */
static int find_named(struct message *m, uint32_t index, struct str name, size_t *ret,
                      struct fail *why)
{
    struct edits *edits = &m->edits;
    struct buf text;
    int result = 0;

    buf_init(&text, HEADER_TEXT_MAX);
    for (*ret = 0; *ret < edits->n && result == 0; (*ret)++) {
        if (edits->headers[*ret].is_own)
            continue;
        result = edits_header_text(m, *ret, &text, why);
        if (result == 0 && str_eq_nocase(header_name(buf_str(&text)), name) &&
            (index <= 1 || --index == 0))
            break;
    }
    buf_done(&text);
    return result;
}

int edits_change_header(void *context, uint32_t index, struct str name, struct str value,
                        struct fail *why)
{
    struct message *m = context;
    struct edits *edits = &m->edits;
    const char *text;
    size_t at;

    if (find_named(m, index, name, &at, why) < 0)
        return -1;
    if (at == edits->n)
        return value.n ? edits_add_header(m, name, value, why) : 0;
    if (!takes(m, name, value))
        return 0;
    edits->header_changed = true;
    text = value.n ? checked(m, compose(m, name, value)) : NULL;
    if (text) {
        edits->headers[at] = (struct header_entry){.text = text};
        return 0;
    }
    edits->n--;
    memmove(edits->headers + at, edits->headers + at + 1,
            (edits->n - at) * sizeof *edits->headers);
    return 0;
}

/* Write the header anew. */
int edits_finish(struct message *m, struct fail *why)
{
    struct edits *edits = &m->edits;
    struct buf text;
    off_t start = draft_offset(&m->draft);
    int result = 0;

    if (edits->header_changed) {
        buf_init(&text, HEADER_TEXT_MAX);
        for (size_t i = 0; i < edits->n && result == 0; i++) {
            result = edits_header_text(m, i, &text, why);
            if (result == 0)
                content_add_header(m, buf_str(&text));
        }
        buf_done(&text);
        edits->header_growth =
            (long)(draft_offset(&m->draft) - start -
                   (edits->header_end - edits->header_place) + RECORD_POINTER_BYTES);
        (void)edits_add_pointer(m, edits->header_end);
        edits_point(m, edits->header_place, start);
    }
    return result;
}
