/*
 * Brings recipients into their final form and writes each one once.
 */
#include "cleanup/cleanup.h"

#include "mail/address.h"

const char *address_standard(struct message *m, const char *address)
{
    struct buf out;
    const char *result;

    buf_init(&out, ADDRESS_MAX * 4 + RECORD_DATA_MAX);
    rewrite_address(&m->cleaner->local_rules, str_of(address), &out);
    result = out.n ? arena_copy_str(m->arena, buf_str(&out)) : "";
    buf_done(&out);
    return result;
}

/* Was this recipient written before? Remembers it, up to $duplicate_filter_limit of them.
 */
static bool is_duplicate(struct message *m, const struct addressee *a)
{
    int limit = m->cleaner->conf->duplicate_filter_limit;
    bool with_original = m->cleaner->conf->enable_original_recipient;
    const char *key =
        arena_printf(m->arena, "%s\n%s", a->address, with_original ? a->original : "");

    for (char *p = (char *)key; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    if (!m->seen)
        m->seen = map_new();
    if (map_get(m->seen, str_of(key)))
        return true;
    if (limit == 0 || map_count(m->seen) < (size_t)limit)
        map_set(m->seen, str_of(key), m);
    return false;
}

static void write_recipient(struct message *m, const struct addressee *a)
{
    if (is_duplicate(m, a))
        return;
    if (a->notify)
        draft_add_attribute_number(&m->draft, "notify_flags", a->notify);
    if (a->orcpt && *a->orcpt)
        draft_add_attribute(&m->draft, "dsn_orig_rcpt", a->orcpt);
    draft_add_text(&m->draft, RECORD_ORIGINAL, a->original);
    draft_add_text(&m->draft, RECORD_RECIPIENT, a->address);
    m->size.recipients++;
    m->size.flags |= (long)a->notify << SIZE_NOTIFY_SHIFT;
}

void recipient_add(struct message *m, const struct addressee *as_given)
{
    struct addressee a = *as_given;

    a.address = address_standard(m, *a.address ? a.address : "");
    if (!m->recipient)
        m->recipient = m->client.recipient = a.address;
    if (!a.orcpt || !*a.orcpt)
        a.orcpt = arena_printf(m->arena, "rfc822;%s",
                               address_external(m->arena, str_of(a.address)));
    write_recipient(m, &a);
}
