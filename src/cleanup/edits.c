/*
 * What filters change in a message whose file has been written: the file's pointer
 * records lead around what was, to what is written behind its end.
 *
 *     ... S (p) ... recipients ... M p headers ... "" p body ... X ... p E heap
 *
 * Of the header, a list is kept; when the filters are done, one that has changed is
 * written anew, in one piece. A body that is replaced, a new sender and new recipients
 * are written as they come. A recipient that is to go is crossed out in its place.
 */
#include "cleanup/cleanup.h"

#include "mail/path.h"
#include "mail/xtext.h"
#include "queue/reader.h"
#include "util/log.h"

/* --- places ------------------------------------------------------------------------- */

static void point(struct message *m, off_t place, off_t to)
{
    struct buf record;

    buf_init(&record, RECORD_POINTER_BYTES + 1);
    record_printf(&record, RECORD_POINTER, "%15ld", (long)to);
    draft_patch(&m->draft, place, record.p, record.n);
    buf_done(&record);
}

static off_t add_pointer(struct message *m, off_t to)
{
    off_t place = draft_offset(&m->draft);

    draft_printf(&m->draft, RECORD_POINTER, "%15ld", (long)to);
    return place;
}

void edits_sender_begin(struct message *m)
{
    m->edits.sender_place = draft_offset(&m->draft);
}

/* A pointer must fit where the record is now. */
void edits_sender_end(struct message *m)
{
    static const char padding[RECORD_POINTER_BYTES] = "                ";
    off_t length = draft_offset(&m->draft) - m->edits.sender_place;

    if (!m->edits.wanted)
        return;
    if (length < RECORD_POINTER_BYTES)
        draft_add(&m->draft, RECORD_PAD, str_from(padding, sizeof padding - 2));
    m->edits.sender_next = draft_offset(&m->draft);
}

void edits_header_begin(struct message *m)
{
    if (!m->edits.wanted)
        return;
    m->edits.header_place = add_pointer(m, 0);
    m->edits.in_header = true;
}

void edits_header_end(struct message *m)
{
    m->edits.in_header = false;
    m->edits.header_end = draft_offset(&m->draft);
}

void edits_body_begin(struct message *m)
{
    if (m->edits.wanted && m->edits.body_place == 0)
        m->edits.body_start = m->edits.body_place = add_pointer(m, 0);
}

/* A message that is a header alone may still get a body. */
void edits_body_end(struct message *m)
{
    m->edits.no_line = m->edits.body_place == 0;
    edits_body_begin(m);
}

void edits_end(struct message *m)
{
    if (m->edits.wanted)
        m->edits.recipients_place = add_pointer(m, 0);
    m->edits.end = draft_offset(&m->draft);
}

/* Something else is to be written while a new body comes: the body goes on behind it. */
static void interrupt_body(struct message *m)
{
    struct edits *edits = &m->edits;

    if (!edits->body_open)
        return;
    edits->body_bytes += draft_offset(&m->draft) - edits->body_from;
    edits->body_link = add_pointer(m, 0);
    edits->body_open = false;
}

static void continue_body(struct message *m)
{
    struct edits *edits = &m->edits;

    if (edits->body_open)
        return;
    edits->body_from = draft_offset(&m->draft);
    point(m, edits->body_link, edits->body_from);
    edits->body_open = true;
}

/* What is written from the result on is for add_to_envelope. */
static off_t begin_envelope(struct message *m)
{
    interrupt_body(m);
    return draft_offset(&m->draft);
}

/* What was written from start on is read in front of E. */
static void add_to_envelope(struct message *m, off_t start)
{
    struct edits *edits = &m->edits;

    if (draft_offset(&m->draft) == start)
        return; /* nothing: a recipient that is there already */
    point(m, edits->recipients_place, start);
    edits->recipients_place = add_pointer(m, edits->end);
}

/* --- the list of headers ------------------------------------------------------------ */

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
    start = begin_envelope(m);
    if (m->filter != filter)
        draft_add_text(&m->draft, RECORD_FILTER, m->filter);
    if (m->redirect != redirect)
        draft_add_text(&m->draft, RECORD_REDIRECT, m->redirect);
    for (size_t i = copies; i < m->copies.n; i++)
        recipient_add_late(m, &(struct addressee){.address = m->copies.items[i],
                                                  .original = m->copies.items[i]});
    add_to_envelope(m, start);
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

static int add_header(void *context, struct str name, struct str value, struct fail *why)
{
    struct message *m = context;

    (void)why;
    insert(m, m->edits.n, name, value);
    return 0;
}

static int insert_header(void *context, uint32_t index, struct str name, struct str value,
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

static int change_header(void *context, uint32_t index, struct str name, struct str value,
                         struct fail *why)
{
    struct message *m = context;
    struct edits *edits = &m->edits;
    const char *text;
    size_t at;

    if (find_named(m, index, name, &at, why) < 0)
        return -1;
    if (at == edits->n)
        return value.n ? add_header(m, name, value, why) : 0;
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

/* --- the envelope ------------------------------------------------------------------- */

/* The address, scratch; NULL = it is none, which is logged. */
static const char *parse_address(struct message *m, struct str text, const char *what)
{
    struct path path;
    struct fail why;

    if (path_parse(text, PATH_NULL_OK | PATH_UTF8_OK, m->scratch, &path, &why) == 0)
        return rewrite_standard(m, arena_copy_str(m->scratch, path.address));
    log_warning("%s: ignoring a milter's request to %s \"%.*s\": %s", m->draft.id, what,
                (int)(text.n > 100 ? 100 : text.n), text.n ? text.p : "", why.text);
    return NULL;
}

/* The value of a parameter "NAME=value" decoded; NULL = it is another one. */
static const char *parameter(struct message *m, struct str word, const char *name)
{
    struct str value = word;
    struct str found = str_until(&value, '=');
    const char *text = NULL;
    struct buf out;

    if (!str_is_nocase(found, name))
        return NULL;
    buf_init(&out, RECORD_ENVELOPE_MAX);
    if (value.n < RECORD_ENVELOPE_MAX && xtext_decode(&out, value) == 0 &&
        record_fits_envelope(buf_str(&out)))
        text = arena_copy_str(m->scratch, buf_str(&out));
    buf_done(&out);
    return text;
}

static void add_sender_parameter(struct message *m, struct str word)
{
    const char *value;

    if (str_is_nocase(word, "RET=FULL") || str_is_nocase(word, "RET=HDRS"))
        draft_add_attribute_number(&m->draft, "ret_flags",
                                   str_is_nocase(word, "RET=FULL") ? 1 : 2);
    else if ((value = parameter(m, word, "ENVID")) != NULL)
        draft_add_attribute(&m->draft, "envelope_id", value);
    else
        log_warning("Ignoring bad ESMTP parameter \"%.*s\" in SMFI_CHGFROM request",
                    STR_ARG(word));
}

static int change_sender(void *context, struct str address, struct str parameters,
                         struct fail *why)
{
    struct message *m = context;
    const char *sender;
    off_t start;
    struct str word;

    (void)why;
    arena_reset(m->scratch);
    sender = parse_address(m, address, "change the sender to");
    if (!sender || strlen(sender) > RECORD_ENVELOPE_MAX)
        return 0;
    start = begin_envelope(m);
    while ((word = str_word(&parameters, " \t")).n)
        add_sender_parameter(m, word);
    draft_add_text(&m->draft, RECORD_SENDER, sender);
    (void)add_pointer(m, m->edits.sender_next);
    point(m, m->edits.sender_place, start);
    m->sender = arena_copy(m->arena, sender);
    return 0;
}

static int notify_of(struct str words)
{
    static const struct {
        const char *word;
        int bit;
    } rows[] = {{"NEVER", NOTIFY_NEVER},
                {"SUCCESS", NOTIFY_SUCCESS},
                {"FAILURE", NOTIFY_FAILURE},
                {"DELAY", NOTIFY_DELAY}};
    struct str word;
    int bits = 0;

    while ((word = str_word(&words, ",")).n) {
        int before = bits;

        for (size_t i = 0; i < COUNT(rows); i++)
            if (str_is_nocase(word, rows[i].word))
                bits |= rows[i].bit;
        if (bits == before)
            return 0;
    }
    return (bits & NOTIFY_NEVER) && bits != NOTIFY_NEVER ? 0 : bits;
}

static void take_recipient_parameter(struct message *m, struct str word,
                                     struct addressee *a)
{
    const char *value;

    if (str_starts_nocase(word, "NOTIFY=") && notify_of(str_tail(word, 7)))
        a->notify = notify_of(str_tail(word, 7));
    else if ((value = parameter(m, word, "ORCPT")) != NULL && strchr(value, ';'))
        a->orcpt = value;
    else
        log_warning("%s: ignoring ESMTP argument from Milter or header/body_checks: "
                    "\"%.*s\"",
                    m->draft.id, STR_ARG(word));
}

static int add_recipient(void *context, struct str address, struct str parameters,
                         struct fail *why)
{
    struct message *m = context;
    struct addressee a = {0};
    off_t start;
    struct str word;

    (void)why;
    arena_reset(m->scratch);
    a.address = a.original = parse_address(m, address, "add the recipient");
    if (!a.address || *a.address == '\0')
        return 0;
    while ((word = str_word(&parameters, " \t")).n)
        take_recipient_parameter(m, word, &a);
    m->size.flags |= (long)a.notify << SIZE_NOTIFY_SHIFT;
    start = begin_envelope(m);
    recipient_add_late(m, &a);
    add_to_envelope(m, start);
    return 0;
}

/* Cross out one segment's recipients that came in as address. */
static int cross_out(struct message *m, off_t start, int last_type, const char *address,
                     struct fail *why)
{
    struct record_reader reader;
    struct record record = {0};
    enum record_result result = RECORD_OK;
    bool is_it = false;

    record_reader_init(&reader, m->draft.fd, start);
    while (record.type != last_type && result == RECORD_OK) {
        result = record_read(&reader, &record, why);
        if (result != RECORD_OK)
            break;
        if (record.type == RECORD_ORIGINAL)
            is_it = str_is(record.data, address);
        if (record.type == RECORD_RECIPIENT && is_it) {
            draft_patch(&m->draft, record.offset, &(char){RECORD_CANCELLED}, 1);
            m->size.recipients--;
        }
    }
    record_reader_done(&reader);
    return result == RECORD_OK ? 0 : -1;
}

static int delete_recipient(void *context, struct str address, struct fail *why)
{
    struct message *m = context;
    const char *text;

    arena_reset(m->scratch);
    text = parse_address(m, address, "delete the recipient");
    if (!text)
        return 0;
    m->edits.deleted = true;
    if (draft_flush(&m->draft, why) < 0 || cross_out(m, 0, RECORD_CONTENT, text, why) < 0)
        return -1;
    return cross_out(m, m->content_end, RECORD_END, text, why);
}

/* --- the body ----------------------------------------------------------------------- */

static void end_line(struct message *m)
{
    struct edits *edits = &m->edits;
    struct str line = buf_str(&edits->line);

    while (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    draft_add(&m->draft, RECORD_LINE, line);
    buf_reset(&edits->line);
    edits->line_begun = false;
}

static void add_to_line(struct message *m, struct str text)
{
    struct edits *edits = &m->edits;
    const size_t most = LINE_PIECE;

    for (; text.n; text = str_tail(text, most)) {
        struct str piece = str_head(text, most);

        if (edits->line.n + piece.n > most) {
            draft_add(&m->draft, RECORD_CHUNK, buf_str(&edits->line));
            buf_reset(&edits->line);
        }
        buf_add_str(&edits->line, piece);
        edits->line_begun = true;
    }
}

static void begin_body(struct message *m)
{
    struct edits *edits = &m->edits;

    edits->new_body = edits->body_from = draft_offset(&m->draft);
    edits->body_bytes = 0;
    edits->body_open = true;
    buf_init(&edits->line, 2 * LINE_PIECE);
    if (edits->no_line)
        draft_add(&m->draft, RECORD_LINE, STR(""));
    edits->new_text = draft_offset(&m->draft);
}

static int replace_body(void *context, struct str piece, struct fail *why)
{
    struct message *m = context;
    struct edits *edits = &m->edits;

    (void)why;
    if (edits->new_body == 0)
        begin_body(m);
    continue_body(m);
    while (piece.n) {
        size_t end = str_find(piece, '\n');

        add_to_line(m, str_head(piece, end));
        if (end < piece.n)
            end_line(m);
        piece = str_tail(piece, end + 1);
    }
    return 0;
}

/* A body that did not come to its end leaves the old one in place. */
static int end_of_edits(void *context, bool whole, struct fail *why)
{
    struct message *m = context;
    struct edits *edits = &m->edits;

    if (edits->new_body && whole) {
        continue_body(m);
        if (edits->line_begun)
            end_line(m);
        edits->body_bytes += draft_offset(&m->draft) - edits->body_from;
        edits->body_growth =
            (long)(edits->body_bytes -
                   (m->content_end - edits->body_place - RECORD_POINTER_BYTES));
        (void)add_pointer(m, m->content_end);
        point(m, edits->body_place, edits->new_body);
        edits->body_start = edits->new_text;
    }
    if (edits->new_body)
        buf_done(&edits->line);
    edits->new_body = 0;
    edits->line_begun = edits->body_open = false;
    return draft_flush(&m->draft, why);
}

/* --- the end ------------------------------------------------------------------------ */

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
        (void)add_pointer(m, edits->header_end);
        point(m, edits->header_place, start);
    }
    return result;
}

const struct milter_edits edits_of_filters = {
    .add_header = add_header,
    .insert_header = insert_header,
    .change_header = change_header,
    .change_sender = change_sender,
    .add_recipient = add_recipient,
    .delete_recipient = delete_recipient,
    .replace_body = replace_body,
    .end_of_edits = end_of_edits,
};
