/*
 * Into the jail. The user and its groups are looked up before the chroot,
 * where the user database is; no_new_privs is set for those who drop their rights,
 * since they never start a set-id program.
 */
#include "service/jail.h"

#include "util/ids.h"

#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

static int find_user(const char *name, struct user *ret, struct fail *why)
{
    struct arena *arena = arena_new("jail");
    int found = user_by_name(name, arena, ret, why);

    arena_free(arena);
    if (found == 0)
        return fail_set(why, "mail_owner: there is no user \"%s\"", name);
    return found < 0 ? -1 : 0;
}

int jail_enter(const char *directory, bool jail, const char *user, bool drop,
               struct fail *why)
{
    struct user owner = {0};

    if (geteuid() != 0)
        return 0;
    if (drop && find_user(user, &owner, why) < 0)
        return -1;
    if (drop && initgroups(user, owner.gid) < 0)
        return fail_set(why, "set the groups of %s: %m", user);
    if (jail && (chroot(directory) < 0 || chdir("/") < 0))
        return fail_set(why, "chroot to %s: %m", directory);
    if (!drop)
        return ids_forget_groups(why);
    if (ids_drop("", owner.uid, owner.gid, why) < 0)
        return fail_prefix(why, "become %s", user);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return fail_set(why, "give up privileges: %m");
    return 0;
}
