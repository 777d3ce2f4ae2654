/*
 * Who may do what, looked up in the tables that main.cf names. Linked into
 * postaccess alone: tables need libraries whose loading would cost more than the rest
 * of a submission, and hardly a site limits its users.
 */
#include "commands/access_rules.h"

#include "mail/address.h"
#include "mail/extension.h"
#include "table/maps.h"
#include "table/match.h"
#include "util/ids.h"

#include <unistd.h>

static int login_name(const struct command *command, const char *nobody, const char **ret,
                      struct fail *why)
{
    struct user user;
    int found = user_by_uid(getuid(), command->arena, &user, why);

    if (found >= 0)
        *ret = found ? user.name : nobody;
    return found < 0 ? -1 : 0;
}

int access_rules_user(const struct command *command, const char *param, const char *list,
                      struct fail *why)
{
    const char *name;
    struct tables *tables;
    int allowed;

    if (login_name(command, ACCESS_NOBODY, &name, why) < 0)
        return -1;
    tables = tables_new(command->conf);
    allowed = match_string(match_list_open(tables, param, list, 0), str_of(name), why);
    tables_free(tables);
    return allowed;
}

/* --- senders --- */

/* "joe+x@example.com" -> "joe@example.com". */
static struct str without_extension(const struct command *command, struct str sender)
{
    struct address parts = address_split(sender);
    struct extension split =
        extension_split(parts.local, command->conf->recipient_delimiter,
                        command->conf->double_bounce_sender);

    if (split.extension.n == 0 || !parts.has_domain)
        return parts.has_domain ? sender : split.user;
    return str_of(arena_printf(command->arena, "%.*s@%.*s", STR_ARG(split.user),
                               STR_ARG(parts.domain)));
}

/* A pattern of local_login_sender_maps: "*", "@domain", or an address. */
static bool pattern_allows(struct str pattern, struct str sender)
{
    struct address parts = address_split(sender);

    if (str_is(pattern, "*"))
        return true;
    if (str_starts(pattern, "@"))
        return parts.has_domain && str_eq_nocase(parts.domain, str_tail(pattern, 1));
    return str_eq_nocase(pattern, sender);
}

int access_rules_sender(const struct command *command, struct str sender,
                        struct fail *why)
{
    const struct conf *conf = command->conf;
    struct tables *tables;
    struct str patterns = STR_NONE, pattern, key;
    const char *name;
    int allowed;

    if (login_name(command, arena_printf(command->arena, "uid:%ld", (long)getuid()),
                   &name, why) < 0)
        return -1;
    tables = tables_new(conf);
    allowed = maps_lookup(
        maps_open(tables, "local_login_sender_maps", conf->local_login_sender_maps, 0),
        str_of(name), MAPS_ALL, command->arena, &patterns, why);
    tables_free(tables);
    if (allowed < 0)
        return -1;
    key = sender.n == 0 ? str_of(conf->empty_address_local_login_sender_maps_lookup_key)
                        : without_extension(command, sender);
    while ((pattern = str_word(&patterns, ", \t\r\n")).n > 0)
        if (pattern_allows(pattern, key))
            return 1;
    fail_set(why, "not authorized to use sender='%.*s'", STR_ARG(sender));
    return 0;
}
