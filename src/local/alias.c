/*
 * The alias database. A name that is asked with its extension first, and as it
 * would be written in an address before that; whose owner's rights commands
 * run with is whose file the table is.
 */
#include "local/local.h"

#include "mail/address.h"
#include "util/log.h"

struct entry {
    struct attempt *attempt;
    struct step *step;
    const char *name; /* the key that hit, unquoted */
    bool whole;       /* it has the extension */
    struct maps_answer answer;
};

static void unavailable(struct entry *e, const char *words)
{
    log_warning("%s", words);
    attempt_outcome(e->attempt, e->step, "4.3.0", "alias database unavailable");
}

/* Ask with one key, in quotes when an address needs them, then as it is. */
static enum table_result ask(struct entry *e, const char *name, struct fail *why)
{
    struct arena *arena = e->attempt->arena;
    const struct maps *maps = e->attempt->agent->aliases;
    enum table_result result = TABLE_NOT_FOUND;
    struct buf quoted;

    buf_init(&quoted, 1 << 16);
    address_add_local(&quoted, str_of(name));
    if (!str_is(buf_str(&quoted), name))
        result =
            maps_lookup_from(maps, buf_str(&quoted), MAPS_ALL, arena, &e->answer, why);
    buf_done(&quoted);
    if (result == TABLE_NOT_FOUND)
        result = maps_lookup_from(maps, str_of(name), MAPS_ALL, arena, &e->answer, why);
    return result;
}

/* "joe: joe, ann": within the alias joe, joe is the user. */
static bool expands_itself(const struct step *step, const char *name)
{
    return step->parent && step->parent->alias && strcmp(step->parent->alias, name) == 0;
}

static enum table_result find(struct entry *e, struct fail *why)
{
    const struct step *step = e->step;
    const char *names[] = {
        *step->extension ? arena_printf(e->attempt->arena, "%s%c%s", step->name,
                                        *step->suffix, step->extension)
                         : NULL,
        step->name,
    };

    for (size_t i = 0; i < COUNT(names); i++) {
        enum table_result result;

        if (!names[i] || expands_itself(step, names[i]))
            continue;
        result = ask(e, names[i], why);
        if (result == TABLE_NOT_FOUND)
            continue;
        e->name = names[i];
        e->whole = names[i] != step->name;
        return result;
    }
    return TABLE_NOT_FOUND;
}

/* --- owner-list ------------------------------------------------------------------------
 */

/* expand_owner_alias: who the owner is, when that is one address. */
static struct str only_address(struct entry *e, struct str value)
{
    struct items items =
        items_parse(value, (size_t)e->attempt->agent->conf->header_address_token_limit,
                    e->attempt->arena);

    return items.n == 1 && items.items[0].kind == ITEM_ADDRESS ? items.items[0].text
                                                               : STR_NONE;
}

/* owner-list: the sender for the members of the list. */
static int find_owner(struct entry *e, struct step *expansion, struct fail *why)
{
    struct attempt *attempt = e->attempt;
    const struct conf *conf = attempt->agent->conf;
    struct entry owner = *e;
    const char *name = arena_printf(attempt->arena, "owner-%s", e->name);
    enum table_result result;
    struct str address;

    if (conf->reset_owner_alias)
        expansion->owned = false;
    if (!conf->owner_request_special || str_starts(str_of(e->name), "owner-"))
        return 0;
    result = ask(&owner, name, why);
    if (result == TABLE_ERROR)
        return -1;
    if (result == TABLE_NOT_FOUND)
        return 0;
    address = conf->expand_owner_alias ? only_address(e, owner.answer.value) : STR_NONE;
    expansion->sender =
        address_standard_form(attempt, address.n ? address : str_of(name));
    expansion->owned = true;
    expansion->original = "";
    return 0;
}

/* --- rights --------------------------------------------------------------------------
 */

/* NULL = default_privs: root's file says nothing of whose rights to use. */
static int find_rights(struct entry *e, const struct user **ret, struct fail *why)
{
    struct attempt *attempt = e->attempt;
    uid_t uid = table_owner(e->answer.table);
    struct user *user;
    int found;

    *ret = NULL;
    if (uid == 0 || uid == attempt->agent->mail_owner)
        return 0;
    user = ARENA_NEW(attempt->arena, struct user);
    found = user_by_uid(uid, attempt->arena, user, why);
    if (found == 0)
        return fail_set(why, "%s belongs to user id %u, which has no account",
                        table_name(e->answer.table), (unsigned)uid);
    *ret = user;
    return found < 0 ? -1 : 0;
}

/* --- the alias -----------------------------------------------------------------------
 */

static void expand(struct entry *e)
{
    struct attempt *attempt = e->attempt;
    struct step expansion = *e->step;
    struct fail why;

    expansion.parent = e->step;
    expansion.alias = e->name;
    expansion.origin = FROM_ALIAS;
    expansion.unmatched =
        !e->whole && attempt->agent->extends & FROM_ALIAS ? e->step->suffix : "";
    if (find_owner(e, &expansion, &why) < 0 ||
        find_rights(e, &expansion.rights, &why) < 0) {
        unavailable(e, why.text);
        return;
    }
    attempt_expanded(attempt, &expansion);
    if (items_deliver(attempt, &expansion, e->answer.value) == 0)
        unavailable(e,
                    arena_printf(attempt->arena,
                                 "no recipient in alias lookup result for %s", e->name));
}

bool alias_deliver(struct attempt *attempt, struct step *step)
{
    struct entry entry = {.attempt = attempt, .step = step};
    struct fail why;

    if (maps_empty(attempt->agent->aliases))
        return false;
    switch (find(&entry, &why)) {
    case TABLE_FOUND:
        expand(&entry);
        return true;
    case TABLE_NOT_FOUND:
        return false;
    default:
        unavailable(&entry, why.text);
        return true;
    }
}
