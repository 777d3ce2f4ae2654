/*
 * Three lookups a recipient. The path comes from a table that a mail user may
 * be able to influence, so it is always taken below virtual_mailbox_base, and
 * ids that could be of system accounts are refused.
 */
#include "virtual/destination.h"

#include <limits.h>

static const char bad_setting[] = "4.3.5 mail system configuration error";

void directory_init(struct directory *directory, const struct conf *conf)
{
    struct tables *tables = tables_new(conf);
    /* What names files and ids is read by this process itself, and never has $1 in it. */
    const unsigned flags = TABLE_NO_SUBSTITUTION | TABLE_DIRECT;

    *directory = (struct directory){
        .conf = conf,
        .tables = tables,
        .mailboxes =
            maps_open(tables, "virtual_mailbox_maps", conf->virtual_mailbox_maps, flags),
        .uids = maps_open(tables, "virtual_uid_maps", conf->virtual_uid_maps, flags),
        .gids = maps_open(tables, "virtual_gid_maps", conf->virtual_gid_maps, flags),
        .rules = {.delimiters = conf->recipient_delimiter,
                  .double_bounce_sender = conf->double_bounce_sender},
    };
}

/* One recipient being looked up. */
struct search {
    const struct directory *directory;
    const char *recipient;
    struct arena *arena;
    const char **ret_defer;
    struct fail *why;
};

static enum found trouble(const struct search *search, const char *defer)
{
    *search->ret_defer = defer;
    return FOUND_TROUBLE;
}

static enum found find(const struct search *search, const struct maps *maps,
                       struct str *ret)
{
    struct address_match match;
    enum table_result result = address_lookup(
        &(struct address_query){maps, ADDRESS_MAPS_MAILBOX, &search->directory->rules},
        str_of(search->recipient), search->arena, &match, search->why);

    if (result == TABLE_FOUND) {
        *ret = match.value;
        return FOUND;
    }
    return result == TABLE_NOT_FOUND ? NOT_FOUND : trouble(search, bad_setting);
}

/* A user or group id; missing or out of bounds is the administrator's mistake. */
static enum found find_id(const struct search *search, const struct maps *maps,
                          const char *parameter, const char *kind, int minimum,
                          unsigned *ret)
{
    struct str value;
    unsigned long long id;
    enum found found = find(search, maps, &value);

    if (found == FOUND_TROUBLE)
        return found;
    if (found == NOT_FOUND) {
        fail_set(search->why, "recipient %s: not found in %s", search->recipient,
                 parameter);
        return trouble(search, bad_setting);
    }
    /* The highest number means "leave as it is" to chown. */
    if (!str_number(value, UINT_MAX - 1, &id) || id < (unsigned)minimum) {
        fail_set(search->why, "recipient %s: bad %s %.*s in %s", search->recipient, kind,
                 STR_ARG(value), parameter);
        return trouble(search, bad_setting);
    }
    *ret = (unsigned)id;
    return FOUND;
}

static enum found find_path(const struct search *search, const char **ret)
{
    struct str value;
    enum found found = find(search, search->directory->mailboxes, &value);

    if (found != FOUND)
        return found;
    if (value.n == 0) {
        fail_set(search->why, "recipient %s: empty result in virtual_mailbox_maps",
                 search->recipient);
        return trouble(search, bad_setting);
    }
    *ret = arena_printf(search->arena, "%s/%.*s",
                        search->directory->conf->virtual_mailbox_base, STR_ARG(value));
    return FOUND;
}

enum found directory_find(const struct directory *directory, const char *recipient,
                          struct arena *arena, struct destination *ret,
                          const char **ret_defer, struct fail *why)
{
    const struct search search = {directory, recipient, arena, ret_defer, why};
    unsigned uid = 0, gid = 0;
    enum found found = find_path(&search, &ret->path);

    if (found == FOUND)
        found = find_id(&search, directory->uids, "virtual_uid_maps", "uid",
                        directory->conf->virtual_minimum_uid, &uid);
    if (found == FOUND)
        found = find_id(&search, directory->gids, "virtual_gid_maps", "gid", 1, &gid);
    ret->owner = (struct rights){.uid = uid, .gid = gid};
    return found;
}
