/*
 * What filters change in a message whose file has been written: the file's pointer
 * records lead around what was, to what is written behind its end.
 *
 *     ... S (p) ... recipients ... M p headers ... "" p body ... X ... p E heap
 *
 * Here are the places of these pointers. Of the header, a list is kept; when the filters
 * are done, one that has changed is written anew, in one piece (edits_header.c). A body
 * that is replaced (edits_body.c), a new sender and new recipients (edits_envelope.c) are
 * written as they come. A recipient that is to go is crossed out in its place.
 */
#include "cleanup/edits.h"

void edits_point(struct message *m, off_t place, off_t to)
{
    struct buf record;

    buf_init(&record, RECORD_POINTER_BYTES + 1);
    record_printf(&record, RECORD_POINTER, "%15ld", (long)to);
    draft_patch(&m->draft, place, record.p, record.n);
    buf_done(&record);
}

off_t edits_add_pointer(struct message *m, off_t to)
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
    m->edits.header_place = edits_add_pointer(m, 0);
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
        m->edits.body_start = m->edits.body_place = edits_add_pointer(m, 0);
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
        m->edits.recipients_place = edits_add_pointer(m, 0);
    m->edits.end = draft_offset(&m->draft);
}

off_t edits_begin_envelope(struct message *m)
{
    edits_interrupt_body(m);
    return draft_offset(&m->draft);
}

void edits_add_to_envelope(struct message *m, off_t start)
{
    struct edits *edits = &m->edits;

    if (draft_offset(&m->draft) == start)
        return; /* nothing: a recipient that is there already */
    edits_point(m, edits->recipients_place, start);
    edits->recipients_place = edits_add_pointer(m, edits->end);
}

const struct milter_edits edits_of_filters = {
    .add_header = edits_add_header,
    .insert_header = edits_insert_header,
    .change_header = edits_change_header,
    .change_sender = edits_change_sender,
    .add_recipient = edits_add_recipient,
    .delete_recipient = edits_delete_recipient,
    .replace_body = edits_replace_body,
    .end_of_edits = edits_end_of_filter,
};
