/*
 * One address at a time: standard form, canonical mapping, masquerading.
 *
 * Canonical mapping repeats until the address stays as it is, since an old
 * address may map to one that has moved too. Addresses that map in a circle
 * are followed CANONICAL_MAX times and stay where that ends.
 */
#include "cleanup/cleanup.h"

#include "util/log.h"

enum { CANONICAL_MAX = 10 };

/* --- standard form --------------------------------------------------------------------
 */

static const char *take(struct message *m, struct buf *out)
{
    const char *result = arena_copy_str(m->scratch, buf_str(out));

    buf_done(out);
    return result;
}

const char *rewrite_standard(struct message *m, const char *address)
{
    struct buf out;

    buf_init(&out, RECORD_DATA_MAX * 2);
    rewrite_address(&m->cleaner->local_rules, str_of(address), &out);
    return take(m, &out);
}

const char *rewrite_item(struct message *m, const struct rewrite_rules *rules,
                         const struct address_item *item)
{
    struct address parts = item->has_domain ? address_split(item->address)
                                            : (struct address){.local = item->address};
    struct buf out;

    buf_init(&out, RECORD_DATA_MAX * 2);
    rewrite_parts(rules, parts, item->quoted, &out);
    return take(m, &out);
}

/* --- results of tables
 * ---------------------------------------------------------------------- */

void rewrite_result(struct message *m, const struct address_match *match,
                    const char *address, bool extend, struct texts *ret)
{
    struct address_list *list = address_list_parse(
        match->value, (size_t)m->cleaner->conf->header_address_token_limit, m->scratch);

    for (size_t i = 0; i < list->n; i++) {
        struct address_item *item = &list->items[i];
        struct str result;

        if (item->kind != ADDRESS_MAILBOX || item->address.n == 0)
            continue;
        if (item->has_domain)
            item->address = address_keep_user(m->scratch, item->address, str_of(address));
        result = str_of(rewrite_item(m, &m->cleaner->local_rules, item));
        if (extend)
            result = address_add_extension(m->scratch, result, match->extension);
        texts_add(ret, m->scratch, result.p);
    }
}

/* --- canonical mapping
 * -------------------------------------------------------------------- */

void rewrite_failed(struct message *m, const struct maps *maps, const char *address,
                    const struct fail *why)
{
    log_warning("%s", why->text);
    log_warning("%s: %s map lookup problem for %s -- message not accepted, try again "
                "later",
                m->draft.id, maps_param(maps), address);
    message_fail(m, SUBMIT_WRITE_ERROR, NULL);
}

/* One step: the address that maps say, or NULL when they say nothing. */
static const char *map_once(struct message *m, const struct maps *maps,
                            const char *address)
{
    struct address_match match;
    struct fail why;
    struct texts mapped = {0};
    enum table_result result = address_lookup(
        &(struct address_query){maps, ADDRESS_MAPS_REWRITING, &m->cleaner->site.rules},
        str_of(address), m->scratch, &match, &why);

    if (result == TABLE_ERROR)
        rewrite_failed(m, maps, address, &why);
    if (result != TABLE_FOUND)
        return NULL;
    rewrite_result(m, &match, address, m->cleaner->extends_canonical, &mapped);
    if (mapped.n > 1)
        log_warning("%s: %s: %s has more than one result; the first is taken",
                    m->draft.id, maps_param(maps), address);
    return mapped.n ? mapped.items[0] : NULL;
}

static const char *map(struct message *m, const struct canonical *canonical,
                       const char *address, enum address_class class)
{
    const char *mapped = address;

    if (!(canonical->classes & class) || maps_empty(canonical->maps))
        return address;
    for (int i = 0; i < CANONICAL_MAX; i++) {
        const char *next = map_once(m, canonical->maps, mapped);

        if (!next || strcasecmp(next, mapped) == 0)
            return next ? next : mapped;
        mapped = next;
    }
    log_warning("%s: unreasonable %s map nesting for %s -- it stays %s", m->draft.id,
                maps_param(canonical->maps), address, mapped);
    return mapped;
}

/* --- masquerading
 * ------------------------------------------------------------------------- */

static bool is_below(struct str domain, struct str parent)
{
    return domain.n > parent.n + 1 &&
           str_eq_nocase(str_tail(domain, domain.n - parent.n), parent) &&
           domain.p[domain.n - parent.n - 1] == '.';
}

/* The domain that stands for this one, or itself: the first that fits decides. */
static struct str masqueraded(const struct cleaner *cleaner, struct str domain)
{
    for (size_t i = 0; i < cleaner->masquerade_domains.n; i++) {
        struct str parent = str_of(cleaner->masquerade_domains.items[i]);
        bool keep = str_starts(parent, "!");

        if (keep)
            parent = str_tail(parent, 1);
        if (str_eq_nocase(domain, parent))
            return domain;
        if (is_below(domain, parent))
            return keep ? domain : parent;
    }
    return domain;
}

static const char *masquerade(struct message *m, const char *address)
{
    struct cleaner *cleaner = m->cleaner;
    struct address parts = address_split(str_of(address));
    struct str domain = masqueraded(cleaner, parts.domain);
    struct fail why;
    int excepted;

    if (!parts.has_domain || domain.n == parts.domain.n)
        return address;
    excepted = match_string(cleaner->masquerade_exceptions, parts.local, &why);
    if (excepted < 0) {
        log_warning("%s: %s -- message not accepted, try again later", m->draft.id,
                    why.text);
        message_fail(m, SUBMIT_WRITE_ERROR, NULL);
    }
    return excepted ? address
                    : arena_printf(m->scratch, "%.*s@%.*s", STR_ARG(parts.local),
                                   STR_ARG(domain));
}

const char *rewrite_mapped(struct message *m, const char *address,
                           enum address_class class)
{
    struct cleaner *cleaner = m->cleaner;

    if (!(m->flags & SUBMIT_MAP) || *address == '\0')
        return address;
    if (class & (CLASS_ENVELOPE_SENDER | CLASS_HEADER_SENDER))
        address = map(m, &cleaner->sender_canonical, address, class);
    else
        address = map(m, &cleaner->recipient_canonical, address, class);
    address = map(m, &cleaner->canonical, address, class);
    if (cleaner->masquerade_domains.n && (cleaner->masquerade_classes & class))
        address = masquerade(m, address);
    return address;
}
