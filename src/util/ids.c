/*
 * Ids. A change of effective ids costs three calls and two cheap checks; the
 * saved set-user-id stays root, which is what makes ids_restore possible and
 * ids_drop necessary before anything of a user's is run.
 */
#include "util/ids.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOOKUP_FIRST = 1024, LOOKUP_MAX = 1 << 20 };

/* What the lookup functions of libc take and tell. */
struct lookup {
    const char *name; /* or NULL: by uid */
    uid_t uid;
    struct passwd passwd;
    struct group group;
    char *memory;
    size_t size;
};

/* One try; 1 found, 0 not there, -1 with errno. */
static int lookup_user(struct lookup *l)
{
    struct passwd *found = NULL;

    errno = l->name ? getpwnam_r(l->name, &l->passwd, l->memory, l->size, &found)
                    : getpwuid_r(l->uid, &l->passwd, l->memory, l->size, &found);
    if (found != NULL)
        return 1;
    return errno == 0 || errno == ENOENT || errno == ESRCH ? 0 : -1;
}

static int lookup_group(struct lookup *l)
{
    struct group *found = NULL;

    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the caller frees l->memory */
    errno = getgrnam_r(l->name, &l->group, l->memory, l->size, &found);
    if (found != NULL)
        return 1;
    return errno == 0 || errno == ENOENT || errno == ESRCH ? 0 : -1;
}

/* Try with more and more memory. The caller frees l->memory. */
static int look_up(struct lookup *l, int (*attempt)(struct lookup *l))
{
    int status = -1;

    errno = ERANGE;
    for (l->size = LOOKUP_FIRST; status < 0 && l->size <= LOOKUP_MAX; l->size *= 4) {
        if (errno != ERANGE && errno != EINTR)
            break;
        free(l->memory);
        l->memory = malloc(l->size);
        if (l->memory == NULL)
            break;
        status = attempt(l);
    }
    return status;
}

static int find_user(struct lookup *l, struct arena *arena, struct user *ret)
{
    int status = look_up(l, lookup_user);

    if (status == 1)
        *ret = (struct user){
            .name = arena_copy(arena, l->passwd.pw_name),
            .uid = l->passwd.pw_uid,
            .gid = l->passwd.pw_gid,
            .home = arena_copy(arena, l->passwd.pw_dir),
            .shell = arena_copy(arena, l->passwd.pw_shell),
            .gecos = arena_copy(arena, l->passwd.pw_gecos),
        };
    free(l->memory);
    return status;
}

int user_by_name(const char *name, struct arena *arena, struct user *ret,
                 struct fail *why)
{
    struct lookup l = {.name = name};
    int status = find_user(&l, arena, ret);

    return status < 0 ? fail_set(why, "look up user %s: %m", name) : status;
}

int user_by_uid(uid_t uid, struct arena *arena, struct user *ret, struct fail *why)
{
    struct lookup l = {.uid = uid};
    int status = find_user(&l, arena, ret);

    return status < 0 ? fail_set(why, "look up user id %u: %m", (unsigned)uid) : status;
}

int group_by_name(const char *name, gid_t *ret, struct fail *why)
{
    struct lookup l = {.name = name};
    int status = look_up(&l, lookup_group);

    if (status == 1)
        *ret = l.group.gr_gid;
    free(l.memory);
    return status < 0 ? fail_set(why, "look up group %s: %m", name) : status;
}

/* --- becoming ---------------------------------------------------------------- */

static bool ids_are(uid_t uid, gid_t gid)
{
    uid_t u[3];
    gid_t g[3];

    return getresuid(&u[0], &u[1], &u[2]) == 0 && getresgid(&g[0], &g[1], &g[2]) == 0 &&
           u[0] == uid && u[1] == uid && u[2] == uid && g[0] == gid && g[1] == gid &&
           g[2] == gid;
}

int ids_drop(const char *name, uid_t uid, gid_t gid, struct fail *why)
{
    if (uid == 0 || gid == 0 || uid == (uid_t)-1 || gid == (gid_t)-1)
        return fail_set(why, "refusing to run as user id %u, group id %u", (unsigned)uid,
                        (unsigned)gid);
    if (ids_are(uid, gid) && uid != 0)
        return 0;
    if (geteuid() != 0 && seteuid(0) < 0)
        return fail_set(why, "become user id %u: not root: %m", (unsigned)uid);
    if ((name == NULL ? setgroups(1, &gid) : *name ? initgroups(name, gid) : 0) < 0)
        return fail_set(why, "set the groups of user id %u: %m", (unsigned)uid);
    if (setresgid(gid, gid, gid) < 0)
        return fail_set(why, "set group id %u: %m", (unsigned)gid);
    if (setresuid(uid, uid, uid) < 0)
        return fail_set(why, "set user id %u: %m", (unsigned)uid);
    if (!ids_are(uid, gid))
        return fail_set(why, "user id %u and group id %u did not take", (unsigned)uid,
                        (unsigned)gid);
    if (seteuid(0) == 0 || setuid(0) == 0)
        return fail_set(why, "user id %u could become root again", (unsigned)uid);
    return 0;
}

int ids_forget_groups(struct fail *why)
{
    return setgroups(0, NULL) < 0 ? fail_set(why, "give up groups: %m") : 0;
}

int ids_switch(uid_t uid, gid_t gid, struct fail *why)
{
    if (uid == (uid_t)-1 || gid == (gid_t)-1)
        return fail_set(why, "refusing user id %u, group id %u", (unsigned)uid,
                        (unsigned)gid);
    if (setegid(gid) < 0)
        return fail_set(why, "set effective group id %u: %m", (unsigned)gid);
    if (seteuid(uid) < 0)
        return fail_set(why, "set effective user id %u: %m", (unsigned)uid);
    if (geteuid() != uid || getegid() != gid)
        return fail_set(why, "effective user id %u and group id %u did not take",
                        (unsigned)uid, (unsigned)gid);
    return 0;
}

int ids_become(uid_t uid, gid_t gid, struct fail *why)
{
    if (geteuid() == uid && getegid() == gid && uid != 0)
        return 0; /* not started by root, and asked for what we are */
    if (gid != (gid_t)-1 && setgroups(1, &gid) < 0)
        return fail_set(why, "set the groups of user id %u: %m", (unsigned)uid);
    return ids_switch(uid, gid, why);
}

/* What could fail here leaves us with fewer rights, not with more. */
int ids_restore(struct fail *why)
{
    if (seteuid(0) < 0)
        return getuid() == 0 ? fail_set(why, "become root again: %m") : 0;
    return setegid(0) < 0 ? fail_set(why, "become root's group again: %m") : 0;
}
