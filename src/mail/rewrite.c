/*
 * Decides the standard form of an address from parameters alone. The order
 * of the steps, and what each leaves alone, is what mail systems around us
 * observe: see the rows of tests/unit/mail/test_rewrite.c.
 */
#include "mail/rewrite.h"

struct rewrite_rules rewrite_rules_local(const struct rewrite_settings *settings)
{
    return (struct rewrite_rules){
        .origin = settings->append_at_myorigin ? str_of(settings->myorigin) : STR_NONE,
        .domain = settings->append_dot_mydomain ? str_of(settings->mydomain) : STR_NONE,
        .swap_bangpath = settings->swap_bangpath,
        .allow_percent_hack = settings->allow_percent_hack,
    };
}

bool rewrite_rules_remote(const struct rewrite_settings *settings,
                          struct rewrite_rules *ret)
{
    struct str domain = str_of(settings->remote_header_rewrite_domain);

    if (domain.n == 0)
        return false;
    *ret = (struct rewrite_rules){
        .origin = settings->append_at_myorigin ? domain : STR_NONE,
        .domain = settings->append_dot_mydomain ? domain : STR_NONE,
        .swap_bangpath = settings->swap_bangpath,
        .allow_percent_hack = settings->allow_percent_hack,
    };
    return true;
}

/* "host!user" and "user%host" (only when there is no '@') become user@host. */
static struct address routed_by_hand(const struct rewrite_rules *rules,
                                     struct address parts)
{
    struct str local = parts.local;
    size_t bang = str_find(local, '!');
    size_t percent = str_find_last(local, '%');

    if (rules->swap_bangpath && bang < local.n)
        return (struct address){str_tail(local, bang + 1), str_head(local, bang), true};
    if (rules->allow_percent_hack && percent < local.n)
        return (struct address){str_head(local, percent), str_tail(local, percent + 1),
                                true};
    return parts;
}

/* The domain without one trailing dot, when a good name remains. */
static struct str without_dot(struct str domain)
{
    struct str shorter = str_head(domain, domain.n ? domain.n - 1 : 0);

    return str_ends(domain, ".") && shorter.n > 0 && !str_ends(shorter, ".") ? shorter
                                                                             : domain;
}

static void add_domain(struct buf *out, struct str domain)
{
    buf_add_char(out, '@');
    buf_add_str(out, domain);
}

bool rewrite_parts(const struct rewrite_rules *rules, struct address parts, bool quoted,
                   struct buf *out)
{
    struct address to = parts.has_domain || quoted ? parts : routed_by_hand(rules, parts);
    bool changed = to.has_domain != parts.has_domain;

    buf_add_str(out, to.local);
    if (!to.has_domain) {
        if (to.local.n == 0 || rules->origin.n == 0)
            return changed;
        add_domain(out, rules->origin);
        return true;
    }
    add_domain(out, without_dot(to.domain));
    if (rules->domain.n > 0 && to.domain.n > 0 && to.domain.p[0] != '[' &&
        str_find(to.domain, '.') == to.domain.n) {
        buf_add_char(out, '.');
        buf_add_str(out, rules->domain);
        if (rules->completed)
            rules->completed(rules->context, to.domain, rules->domain);
        return true;
    }
    return changed || without_dot(to.domain).n != to.domain.n;
}

bool rewrite_address(const struct rewrite_rules *rules, struct str internal,
                     struct buf *out)
{
    return rewrite_parts(rules, address_split(internal), false, out);
}
