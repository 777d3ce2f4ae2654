/*
 * What each header of a message means to the mail system: which are dropped,
 * counted, logged, and whose addresses are brought into standard form.
 */
#include "cleanup/cleanup.h"

#include "mail/utf8.h"

/* --- addresses
 * --------------------------------------------------------------------------- */

/* Rewrite and map the addresses of a list; true when one changed. */
static bool rewrite_list(struct message *m, struct address_list *list,
                         enum address_class class)
{
    bool changed = false;

    for (size_t i = 0; i < list->n; i++) {
        struct address_item *item = &list->items[i];
        const char *address;

        if (item->kind != ADDRESS_MAILBOX || item->address.n == 0 || item->raw.n)
            continue;
        address = rewrite_item(m, m->header_rules, item);
        address = rewrite_mapped(m, address, class);
        if (item->routed)
            changed = true;
        if (str_is(item->address, address))
            continue;
        changed = item->has_domain = true;
        item->address = str_of(address);
    }
    return changed;
}

static void take_addresses(struct message *m, const struct header_kind *kind,
                           struct str logical)
{
    enum address_class class =
        kind->flags & HEADER_SENDER ? CLASS_HEADER_SENDER : CLASS_HEADER_RECIPIENT;
    size_t limit = (size_t)m->cleaner->conf->header_address_token_limit;
    struct address_list *list;
    struct buf out;

    list = m->header_rules ? address_list_parse(header_body(logical), limit, m->scratch)
                           : NULL;
    if (!list || !rewrite_list(m, list, class)) {
        content_add_header(m, logical);
        return;
    }
    buf_init(&out, RECORD_DATA_MAX * 4);
    address_list_format(list, header_name(logical), &out);
    content_add_header(m, buf_str(&out));
    buf_done(&out);
}

/* sendmail -t: those named in To, Cc, Bcc; when there are Resent- forms, only those in
 * them. */
static void extract(struct message *m, const struct header_kind *kind, struct str logical)
{
    struct address_list *list = address_list_parse(
        header_body(logical), (size_t)m->cleaner->conf->header_address_token_limit,
        m->scratch);

    for (size_t i = 0; i < list->n; i++) {
        const struct address_item *item = &list->items[i];

        if (item->kind == ADDRESS_MAILBOX && item->address.n)
            texts_add(kind->flags & HEADER_RESENT ? &m->extracted_resent : &m->extracted,
                      m->arena, arena_copy_str(m->arena, item->address));
    }
}

/* --- single headers
 * ---------------------------------------------------------------------- */

static void log_message_id(struct message *m, enum header_id id, struct str logical)
{
    struct str text = str_trim_left(header_body(logical));

    maillog_message_id(m->draft.id, id == HEADER_RESENT_MESSAGE_ID,
                       arena_copy_str(m->scratch, text));
}

static void count_hop(struct message *m)
{
    if (++m->hops != m->cleaner->conf->hopcount_limit)
        return;
    maillog_too_many_hops(m->draft.id);
    message_fail(m, SUBMIT_TOO_MANY_HOPS, "5.4.0 too many hops");
}

/* Text that needs SMTPUTF8 (RFC 6531), and what senders say about TLS (RFC 8689). */
static void note_features(struct message *m, enum header_id id, struct str logical)
{
    const struct conf *conf = m->cleaner->conf;

    if (!utf8_is_ascii(logical))
        m->size.smtputf8 |= SIZE_UTF8_HEADER;
    if (id == HEADER_TLS_REQUIRED && conf->tls_required_enable &&
        str_is_nocase(str_trim(header_body(logical)), "no"))
        m->size.smtputf8 |= SIZE_TLS_NOT_REQUIRED;
    if (id == HEADER_REQUIRE_TLS_ESMTP && conf->requiretls_enable &&
        conf->requiretls_esmtp_header &&
        str_is_nocase(str_trim(header_body(logical)), "yes"))
        m->size.smtputf8 |= SIZE_REQUIRETLS;
}

static void note(struct message *m, const struct header_kind *kind, struct str logical)
{
    m->headers |= 1ULL << kind->id;
    if (kind->flags & HEADER_RESENT)
        m->resent = true;
    if (kind->id == HEADER_RECEIVED)
        count_hop(m);
    if (kind->id == HEADER_MESSAGE_ID || kind->id == HEADER_RESENT_MESSAGE_ID)
        log_message_id(m, kind->id, logical);
    if ((m->flags & SUBMIT_EXTRACT) && (kind->flags & HEADER_EXTRACT))
        extract(m, kind, logical);
    note_features(m, kind->id, logical);
}

void header_take(struct message *m, struct str logical)
{
    const struct header_kind *kind = header_kind(header_name(logical));

    if (!checks_pass(m, kind->flags & HEADER_MIME ? CHECK_MIME : CHECK_HEADER, &logical))
        return;
    kind = header_kind(header_name(logical)); /* it may be another one now */
    note(m, kind, logical);
    if (texts_has(&m->cleaner->drop_headers, header_name(logical), true))
        return;
    if (kind->flags & HEADER_ADDRESS)
        take_addresses(m, kind, logical);
    else
        content_add_header(m, logical);
}
