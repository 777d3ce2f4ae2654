/* Whose rights a command may have: anybody's but those that could harm the mail system.
 */
#include "service/rights.h"

#include "util/ids.h"

static int check(const char *value, const struct service_rights *rights,
                 const struct conf *conf, struct arena *arena, struct fail *why)
{
    struct user owner;
    int found = user_by_name(conf->mail_owner, arena, &owner, why);

    if (found < 0)
        return -1;
    if (rights->uid == 0 || rights->gid == 0)
        return fail_set(why, "user=%s: commands of the mail system must not be root's",
                        value);
    if (found > 0 && rights->uid == owner.uid)
        return fail_set(why,
                        "user=%s: that is mail_owner, who may change the whole queue; "
                        "use a user of its own",
                        value);
    if (found > 0 && rights->gid == owner.gid)
        return fail_set(why, "user=%s: that is the group of mail_owner", value);
    return 0;
}

static int find_user(const char *value, struct str name, struct arena *arena,
                     struct service_rights *ret, struct fail *why)
{
    struct user user;
    int found = user_by_name(arena_copy_str(arena, name), arena, &user, why);

    if (found == 0)
        return fail_set(why, "user=%s: there is no user \"%.*s\"", value, STR_ARG(name));
    if (found < 0)
        return -1;
    *ret = (struct service_rights){user.uid, user.gid};
    return 0;
}

static int find_group(const char *value, struct str name, struct arena *arena,
                      struct service_rights *ret, struct fail *why)
{
    int found = group_by_name(arena_copy_str(arena, name), &ret->gid, why);

    if (found == 0)
        return fail_set(why, "user=%s: there is no group \"%.*s\"", value, STR_ARG(name));
    return found < 0 ? -1 : 0;
}

int service_rights_parse(const char *value, const struct conf *conf, struct arena *arena,
                         struct service_rights *ret, struct fail *why)
{
    struct str rest = str_of(value), name = str_until(&rest, ':');

    if (find_user(value, name, arena, ret, why) < 0 ||
        (rest.n && find_group(value, rest, arena, ret, why) < 0))
        return -1;
    return check(value, ret, conf, arena, why);
}
