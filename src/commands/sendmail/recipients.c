/*
 * Where a message of sendmail goes: addresses of the command line, and those
 * of its header with -t. Once a Resent- header names recipients, only such headers
 * count (RFC 5322 section 3.6.6): the others are those of the first time.
 */
#include "commands/sendmail/sendmail.h"

#include "mail/address_list.h"
#include "mail/header.h"
#include "queue/record.h"
#include "util/buf.h"

void recipients_add(const struct sendmail *sendmail, struct texts *list, struct str text)
{
    struct arena *arena = sendmail->command.arena;
    const struct address_list *found = address_list_parse(
        text, (size_t)sendmail->command.conf->header_address_token_limit, arena);

    for (size_t i = 0; i < found->n; i++)
        if (found->items[i].kind == ADDRESS_MAILBOX)
            texts_add(list, arena, found->items[i].address.p);
}

/* --- sendmail -t --- */

static void add_mailboxes(struct extraction *e, struct texts *list, struct str body)
{
    struct texts found = {0};

    recipients_add(e->sendmail, &found, body);
    for (size_t i = 0; i < found.n; i++)
        if (found.items[i][0]) /* "To: <>" is nobody */
            texts_add(list, e->sendmail->command.arena, found.items[i]);
}

/* The header that was read is complete. */
static void end_header(struct extraction *e)
{
    struct str logical = buf_str(&e->header);
    const struct header_kind *kind;

    if (logical.n == 0)
        return;
    kind = header_kind(header_name(logical));
    if (kind->flags & HEADER_EXTRACT) {
        bool resent = kind->flags & HEADER_RESENT;

        e->resent_seen |= resent;
        add_mailboxes(e, resent ? &e->resent : &e->plain, header_body(logical));
    }
    buf_reset(&e->header);
}

/* A further line of the header, or the rest of a long one, up to the limit. */
static void lengthen(struct extraction *e, const char *joint, struct str text)
{
    if (e->header.n + text.n < (size_t)e->sendmail->command.conf->header_size_limit) {
        buf_add_text(&e->header, joint);
        buf_add_str(&e->header, text);
    }
}

void extraction_text(struct extraction *e, struct str text, bool starts_line)
{
    if (e->in_body)
        return;
    if (e->header.max == 0)
        buf_init(&e->header,
                 (size_t)e->sendmail->command.conf->header_size_limit + RECORD_DATA_MAX);
    if (e->header.n > 0 && (!starts_line || header_is_continuation(text))) {
        lengthen(e, starts_line ? "\n" : "", text);
        return;
    }
    end_header(e);
    if (header_name_length(text) == 0)
        e->in_body = true;
    else
        buf_add_str(&e->header, text);
}

const struct texts *extraction_end(struct extraction *e)
{
    end_header(e);
    buf_done(&e->header);
    return e->resent_seen ? &e->resent : &e->plain;
}
