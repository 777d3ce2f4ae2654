/*
 * Brings recipients into their final form and writes each one once.
 */
#include "cleanup/cleanup.h"

#include "mail/address.h"
#include "mail/utf8.h"
#include "util/log.h"

/* What makes a recipient the same as another. */
static const char *key_of(const struct message *m, const struct addressee *a)
{
    bool with_original = m->cleaner->conf->enable_original_recipient;
    char *key = arena_printf(m->scratch, "%d %s\n%s\n%s", a->notify, a->address,
                             with_original ? a->original : "",
                             with_original && a->orcpt ? a->orcpt : "");

    for (char *p = key; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    return key;
}

/*
 * Was this recipient written before? Remembers it, up to
 * $duplicate_filter_limit of them. A table is made for the second one only: most
 * messages have one recipient.
 */
static bool is_duplicate(struct message *m, const struct addressee *a)
{
    int limit = m->cleaner->conf->duplicate_filter_limit;
    const char *key = key_of(m, a);

    if (!m->first_key) {
        m->first_key = arena_copy(m->arena, key);
        return false;
    }
    if (!m->seen) {
        m->seen = map_new();
        map_set(m->seen, str_of(m->first_key), m);
    }
    if (map_get(m->seen, str_of(key)))
        return true;
    if (limit == 0 || map_count(m->seen) < (size_t)limit)
        map_set(m->seen, str_of(key), m);
    return false;
}

/* What tables made of it may be longer than what came, or more than a line. */
static bool is_fit(const struct addressee *a)
{
    return record_fits_envelope(str_of(a->address)) &&
           record_fits_envelope(str_of(a->original)) &&
           (!a->orcpt ||
            strlen(a->orcpt) + sizeof("dsn_orig_rcpt") <= RECORD_ENVELOPE_MAX);
}

static void write_recipient(struct message *m, const struct addressee *a)
{
    if (is_duplicate(m, a) && !m->edits.deleted)
        return;
    if (!is_fit(a)) {
        log_warning("%s: a recipient is too long once rewritten, or more than a line: "
                    "%.100s",
                    m->draft.id, a->address);
        message_fail(m, SUBMIT_BAD_RECORD, NULL);
        return;
    }
    if (a->notify)
        draft_add_attribute_number(&m->draft, "notify_flags", a->notify);
    if (a->orcpt && *a->orcpt)
        draft_add_attribute(&m->draft, "dsn_orig_rcpt", a->orcpt);
    draft_add_text(&m->draft, RECORD_ORIGINAL, a->original);
    draft_add_text(&m->draft, RECORD_RECIPIENT, a->address);
    m->size.recipients++;
}

/* --- aliases ------------------------------------------------------------------------ */

/*
 * Write a recipient, or those that it is an alias of. A sender who wants to
 * hear of success hears that there was an alias, and no more (RFC 3461 section 5.2.7).
 */
static void expand(struct message *m, const struct addressee *a)
{
    struct addressee to = *a;
    struct texts aliases = {0};

    if (alias_expand(m, a->address, &aliases) < 0)
        return;
    if (m->is_probe && aliases.n > 1) {
        notify_probed(m, a);
        return;
    }
    if ((a->notify & NOTIFY_SUCCESS) &&
        (aliases.n > 1 || strcasecmp(aliases.items[0], a->address) != 0)) {
        notify_expanded(m, a);
        to.notify =
            a->notify == NOTIFY_SUCCESS ? NOTIFY_NEVER : a->notify & ~NOTIFY_SUCCESS;
    }
    for (size_t i = 0; i < aliases.n; i++) {
        to.address = aliases.items[i];
        write_recipient(m, &to);
    }
}

/* --- copies --------------------------------------------------------------------------
 */

static bool copies(const struct message *m)
{
    return (m->flags & SUBMIT_MAP) && !(m->flags & SUBMIT_NO_BCC);
}

/* A copy tells nobody how it fared. */
void recipient_add_copy(struct message *m, const char *address)
{
    struct addressee a = {.notify = NOTIFY_NEVER};

    a.address = a.original = rewrite_standard(m, address);
    expand(m, &a);
}

static void add_mapped_copy(struct message *m, const struct maps *maps,
                            const char *address)
{
    struct address_match match;
    struct fail why;
    enum table_result result;

    if (!copies(m) || *address == '\0')
        return;
    result = address_lookup(
        &(struct address_query){maps, ADDRESS_MAPS_REWRITING, &m->cleaner->site.rules},
        str_of(address), m->scratch, &match, &why);
    if (result == TABLE_ERROR)
        rewrite_failed(m, maps, address, &why);
    else if (result == TABLE_FOUND)
        recipient_add_copy(m, arena_copy_str(m->scratch, match.value));
}

void recipient_add_sender_bcc(struct message *m)
{
    add_mapped_copy(m, m->cleaner->sender_bcc_maps, m->sender);
}

void recipient_add_always_bcc(struct message *m)
{
    if (copies(m) && *m->cleaner->conf->always_bcc)
        recipient_add_copy(m, m->cleaner->conf->always_bcc);
}

void recipient_add_late(struct message *m, const struct addressee *a)
{
    if (!utf8_is_ascii(str_of(a->address)))
        m->utf8_recipient = true;
    expand(m, a);
}

/* --- recipients of the client
 * ------------------------------------------------------------- */

void recipient_add(struct message *m, const struct addressee *as_given)
{
    struct addressee a = *as_given;

    a.address =
        rewrite_mapped(m, rewrite_standard(m, a.address), CLASS_ENVELOPE_RECIPIENT);
    m->client.recipient = arena_copy(m->arena, a.address);
    m->size.flags |= (long)a.notify << SIZE_NOTIFY_SHIFT;
    if (!utf8_is_ascii(str_of(a.address)))
        m->utf8_recipient = true;
    if (!a.orcpt || !*a.orcpt)
        a.orcpt = arena_printf(m->scratch, "%s;%s",
                               utf8_is_ascii(str_of(a.address)) ? "rfc822" : "utf-8",
                               a.address);
    expand(m, &a);
    add_mapped_copy(m, m->cleaner->recipient_bcc_maps, a.address);
}
