/*
 * A body that takes the place of another. It comes in pieces that end anywhere, and other
 * changes may come between them: each run of pieces leads to the next by a pointer.
 */
#include "cleanup/edits.h"

void edits_interrupt_body(struct message *m)
{
    struct edits *edits = &m->edits;

    if (!edits->body_open)
        return;
    edits->body_bytes += draft_offset(&m->draft) - edits->body_from;
    edits->body_link = edits_add_pointer(m, 0);
    edits->body_open = false;
}

static void continue_body(struct message *m)
{
    struct edits *edits = &m->edits;

    if (edits->body_open)
        return;
    edits->body_from = draft_offset(&m->draft);
    edits_point(m, edits->body_link, edits->body_from);
    edits->body_open = true;
}

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

int edits_replace_body(void *context, struct str piece, struct fail *why)
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

int edits_end_of_filter(void *context, bool whole, struct fail *why)
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
        (void)edits_add_pointer(m, m->content_end);
        edits_point(m, edits->body_place, edits->new_body);
        edits->body_start = edits->new_text;
    }
    if (edits->new_body)
        buf_done(&edits->line);
    edits->new_body = 0;
    edits->line_begun = edits->body_open = false;
    return draft_flush(&m->draft, why);
}
