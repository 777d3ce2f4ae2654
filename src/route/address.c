/*
 * Routing inside addresses. An open relay is often one that looks at
 * "victim%elsewhere@here" and sees only "here"; so our own domain is taken
 * off, again and again, until the address that mail would really go to is left.
 */
#include "route/route.h"

#include "conf/conf.h"
#include "mail/address.h"

enum { UNWRAP_MAX = 100 }; /* each step shortens the address; this bounds hostile ones */

/* What may be wrapped in a local part, by main.cf. Position of the operator, or n. */
static size_t find_routing(const struct conf *conf, struct str local)
{
    size_t at;

    if (conf->resolve_dequoted_address && (at = str_find_last(local, '@')) < local.n)
        return at;
    if (conf->allow_percent_hack && (at = str_find_last(local, '%')) < local.n)
        return at;
    if (conf->swap_bangpath && (at = str_find(local, '!')) < local.n)
        return at;
    return local.n;
}

/* "a@b" stays, "a%b" becomes "a@b", "b!a" becomes "a@b". */
static const char *unwrap_once(struct arena *arena, struct str local, size_t at)
{
    struct str before = str_head(local, at), after = str_tail(local, at + 1);

    if (local.p[at] == '!')
        return arena_printf(arena, "%.*s@%.*s", STR_ARG(after), STR_ARG(before));
    return arena_printf(arena, "%.*s@%.*s", STR_ARG(before), STR_ARG(after));
}

static bool is_well_formed(const struct conf *conf, struct address parts)
{
    if (parts.local.n == 0 || (parts.local.p[0] == '-' && !conf->allow_min_user))
        return false;
    if (str_starts(parts.domain, "["))
        return address_literal_is_valid(parts.domain);
    return address_domain_is_valid(parts.domain);
}

static const char *without_final_dot(struct arena *arena, const char *address)
{
    size_t n = strlen(address);

    return n > 1 && address[n - 1] == '.'
               ? arena_copy_str(arena, str_from(address, n - 1))
               : address;
}

/* An address without a domain is meant for this host. */
static const char *with_domain(const struct conf *conf, struct arena *arena,
                               const char *address)
{
    struct address parts = address_split(str_of(address));

    if (!parts.has_domain)
        return arena_printf(arena, "%s@%s", address, conf->myhostname);
    if (parts.domain.n == 0 && conf->resolve_null_domain)
        return arena_printf(arena, "%s%s", address, conf->myhostname);
    return address;
}

/* "user@192.0.2.1" is "user@[192.0.2.1]" when resolve_numeric_domain says so. */
static const char *with_literal(const struct conf *conf, struct arena *arena,
                                const char *address)
{
    struct address parts = address_split(str_of(address));
    struct netaddr numeric;

    if (conf->resolve_numeric_domain && !str_starts(parts.domain, "[") &&
        netaddr_parse(parts.domain, &numeric))
        return arena_printf(arena, "%.*s@[%.*s]", STR_ARG(parts.local),
                            STR_ARG(parts.domain));
    return address;
}

enum unwrapped address_unwrap(struct router *router, const char *address,
                              struct arena *arena, const char **ret_address,
                              bool *ret_routed, struct fail *why)
{
    const struct conf *conf = router->conf;

    for (int step = 0; step < UNWRAP_MAX; step++) {
        struct address parts;
        size_t at;
        int local;

        address = with_literal(
            conf, arena, with_domain(conf, arena, without_final_dot(arena, address)));
        parts = address_split(str_of(address));
        local = site_is_local(&router->site, parts.domain, why);
        if (local < 0)
            return UNWRAPPED_FAIL;
        at = find_routing(conf, parts.local);
        if (local && at < parts.local.n && at > 0) {
            address = unwrap_once(arena, parts.local, at);
            continue;
        }
        *ret_address = address;
        *ret_routed = at < parts.local.n;
        if (is_well_formed(conf, parts))
            return UNWRAPPED_OK;
        break;
    }
    fail_set(why, "bad address syntax: %s", address);
    return UNWRAPPED_BAD;
}
