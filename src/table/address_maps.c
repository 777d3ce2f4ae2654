/*
 * The parts of an address in their order, each asked in all tables. Only the
 * whole address goes to pattern tables, and only once in each form.
 */
#include "table/address_maps.h"

#include "mail/address.h"
#include "mail/extension.h"
#include "util/buf.h"

struct search {
    const struct maps *maps;
    struct arena *arena;
    const struct address_rules *rules;
    struct str form;  /* the address as it is asked now: external or internal */
    struct str plain; /* the same without its extension; empty when it has none */
    struct str local, plain_local;
    struct str domain;
    struct str extension; /* "+ext" */
    struct address_match match;
    struct fail *why;
};

/* Ask for one part. The result, with search->match filled in when found. */
static enum table_result ask(struct search *search, enum address_part part,
                             struct str key, bool lost_extension)
{
    enum maps_which which = part == ADDRESS_PART_WHOLE ? MAPS_ALL : MAPS_FIXED;
    struct maps_answer answer;
    enum table_result result =
        maps_lookup_from(search->maps, key, which, search->arena, &answer, search->why);

    if (result == TABLE_FOUND) {
        search->match.value = answer.value;
        search->match.table = answer.table;
        search->match.key = str_of(arena_copy_str(search->arena, key));
        search->match.part = part;
        search->match.extension = lost_extension ? search->extension : STR_NONE;
    }
    return result;
}

static struct str join(struct search *search, struct str a, const char *between,
                       struct str b)
{
    return str_of(
        arena_printf(search->arena, "%.*s%s%.*s", STR_ARG(a), between, STR_ARG(b)));
}

static enum table_result ask_whole(struct search *search)
{
    return ask(search, ADDRESS_PART_WHOLE, search->form, false);
}

static enum table_result ask_no_extension(struct search *search)
{
    return search->plain.n ? ask(search, ADDRESS_PART_NO_EXTENSION, search->plain, true)
                           : TABLE_NOT_FOUND;
}

/* user+ext and user, with `after` behind it: "" or "@". */
static enum table_result ask_user(struct search *search, enum address_part part,
                                  const char *after)
{
    enum table_result result =
        ask(search, part, join(search, search->local, after, STR_NONE), false);

    if (result != TABLE_NOT_FOUND || search->plain.n == 0)
        return result;
    return ask(search, part, join(search, search->plain_local, after, STR_NONE), true);
}

static enum table_result ask_local(struct search *search)
{
    const struct address_rules *rules = search->rules;
    int local = 0;

    if (search->domain.n == 0)
        return TABLE_NOT_FOUND; /* a bare user was the whole address */
    if (rules->is_local)
        local = rules->is_local(rules->context, search->domain, search->why);
    if (local <= 0)
        return local < 0 ? TABLE_ERROR : TABLE_NOT_FOUND;
    return ask_user(search, ADDRESS_PART_LOCAL, "");
}

static enum table_result ask_user_at(struct search *search)
{
    return ask_user(search, ADDRESS_PART_USER_AT, "@");
}

static enum table_result ask_at_domain(struct search *search)
{
    if (search->domain.n == 0)
        return TABLE_NOT_FOUND;
    return ask(search, ADDRESS_PART_AT_DOMAIN,
               join(search, STR_NONE, "@", search->domain), false);
}

static enum table_result ask_domain(struct search *search)
{
    if (search->domain.n == 0)
        return TABLE_NOT_FOUND;
    return ask(search, ADDRESS_PART_DOMAIN, search->domain, false);
}

/* Each parent, with the dot in front or without. */
static enum table_result ask_each_parent(struct search *search, bool bare)
{
    struct str rest = str_tail(search->domain, 1);

    while (str_find(rest, '.') < rest.n) {
        struct str parent = str_tail(rest, str_find(rest, '.') + (bare ? 1 : 0));
        enum table_result result = TABLE_NOT_FOUND;

        if (parent.n > 0)
            result = ask(search, bare ? ADDRESS_PART_BARE_PARENTS : ADDRESS_PART_PARENTS,
                         parent, false);
        if (result != TABLE_NOT_FOUND)
            return result;
        rest = str_tail(rest, str_find(rest, '.') + 1);
    }
    return TABLE_NOT_FOUND;
}

static enum table_result ask_parents(struct search *search)
{
    return ask_each_parent(search, false);
}

static enum table_result ask_bare_parents(struct search *search)
{
    return ask_each_parent(search, true);
}

static enum table_result ask_star(struct search *search)
{
    return ask(search, ADDRESS_PART_STAR, STR("*"), false);
}

/* In the order of asking. The second form differs in its local part only. */
static const struct {
    unsigned part;
    enum table_result (*ask)(struct search *search);
    bool has_user;
} parts_in_order[] = {
    {ADDRESS_PART_WHOLE, ask_whole, true},
    {ADDRESS_PART_NO_EXTENSION, ask_no_extension, true},
    {ADDRESS_PART_LOCAL, ask_local, true},
    {ADDRESS_PART_AT_DOMAIN, ask_at_domain, false},
    {ADDRESS_PART_DOMAIN, ask_domain, false},
    {ADDRESS_PART_PARENTS, ask_parents, false},
    {ADDRESS_PART_BARE_PARENTS, ask_bare_parents, false},
    {ADDRESS_PART_USER_AT, ask_user_at, true},
    {ADDRESS_PART_STAR, ask_star, false},
};

/* Prepare the texts of one form. internal is split at the extension; quoted says to quote
 * again. */
static void set_form(struct search *search, struct str internal, bool quoted)
{
    struct address address = address_split(internal);
    struct extension extension = extension_split(address.local, search->rules->delimiters,
                                                 search->rules->double_bounce_sender);
    struct arena *arena = search->arena;
    struct str at = address.has_domain ? STR("@") : STR_NONE;

    search->domain = address.domain;
    search->local = address.local;
    search->plain = search->plain_local = search->extension = STR_NONE;
    if (extension.user.n < address.local.n) {
        search->extension = str_tail(address.local, extension.user.n);
        search->plain_local = extension.user;
        search->plain =
            str_of(arena_printf(arena, "%.*s%.*s%.*s", STR_ARG(extension.user),
                                STR_ARG(at), STR_ARG(address.domain)));
    }
    search->form = internal;
    if (!quoted)
        return;
    search->form = str_of(address_external(arena, internal));
    search->local = address_split(search->form).local;
    if (search->plain.n) {
        search->plain = str_of(address_external(arena, search->plain));
        search->plain_local = address_split(search->plain).local;
    }
    search->extension = str_of(arena_copy_str(arena, search->extension));
}

enum table_result address_lookup(const struct address_query *query, struct str address,
                                 struct arena *arena, struct address_match *ret,
                                 struct fail *why)
{
    struct search search = {
        .maps = query->maps, .arena = arena, .rules = query->rules, .why = why};
    struct search unquoted = search;
    bool differs;

    if (address.n == 0 || maps_empty(query->maps))
        return TABLE_NOT_FOUND;
    set_form(&search, address, true);
    set_form(&unquoted, address, false);
    differs = !str_eq(search.form, unquoted.form);
    for (size_t i = 0; i < COUNT(parts_in_order); i++) {
        enum table_result result = TABLE_NOT_FOUND;

        if (!(query->parts & parts_in_order[i].part))
            continue;
        result = parts_in_order[i].ask(&search);
        if (result == TABLE_FOUND)
            *ret = search.match;
        if (result == TABLE_NOT_FOUND && differs && parts_in_order[i].has_user) {
            result = parts_in_order[i].ask(&unquoted);
            if (result == TABLE_FOUND)
                *ret = unquoted.match;
        }
        if (result != TABLE_NOT_FOUND)
            return result;
    }
    return TABLE_NOT_FOUND;
}

struct str address_add_extension(struct arena *arena, struct str address,
                                 struct str extension)
{
    struct address parts = address_split(address);

    if (extension.n == 0 || str_ends(parts.local, arena_copy_str(arena, extension)))
        return address;
    return str_of(arena_printf(arena, "%.*s%.*s%s%.*s", STR_ARG(parts.local),
                               STR_ARG(extension), parts.has_domain ? "@" : "",
                               STR_ARG(parts.domain)));
}

struct str address_keep_user(struct arena *arena, struct str result, struct str address)
{
    if (result.n < 2 || result.p[0] != '@')
        return result;
    return str_of(arena_printf(arena, "%.*s%.*s", STR_ARG(address_split(address).local),
                               STR_ARG(result)));
}
