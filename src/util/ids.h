/*
 * User and group ids: looking them up, and becoming them with checks.
 *
 * Every change is read back; a change that did not happen is an error, and a
 * daemon that gets one must exit (reliability: privilege residue).
 */
#ifndef UTIL_IDS_H
#define UTIL_IDS_H

#include "util/arena.h"
#include "util/attributes.h"
#include "util/fail.h"

#include <sys/types.h>

struct user {
    const char *name;
    uid_t uid;
    gid_t gid;
    const char *home;
    const char *shell;
    const char *gecos;
};

/* 1 = found, 0 = no such user, -1 = could not find out. Texts live in arena. */
int user_by_name(const char *name, struct arena *arena, struct user *ret,
                 struct fail *why) MUST_CHECK;
int user_by_uid(uid_t uid, struct arena *arena, struct user *ret,
                struct fail *why) MUST_CHECK;
int group_by_name(const char *name, gid_t *ret,
                  struct fail *why) MUST_CHECK; /* 1, 0, -1 as above */

/*
 * Give up root for good: supplementary groups (those of the user when
 * name is given, else only gid; "" = those set before a chroot), gid, uid; verified with
 * getres*id and by checking that root cannot be regained. User or group id 0 or -1 is
 * refused.
 */
int ids_drop(const char *name, uid_t uid, gid_t gid, struct fail *why) MUST_CHECK;

/*
 * Become uid:gid (no other groups) for a while, and root again. Only effective
 * ids change. In a process that root did not start (tests, commands) asking
 * for its own ids works and changes nothing.
 */
int ids_become(uid_t uid, gid_t gid, struct fail *why) MUST_CHECK;
int ids_restore(struct fail *why) MUST_CHECK;

/*
 * For root's processes that change ids often: without supplementary groups of
 * its own, a process has none to hide when it becomes a user. ids_switch is
 * ids_become for such a process.
 */
int ids_forget_groups(struct fail *why) MUST_CHECK;
int ids_switch(uid_t uid, gid_t gid, struct fail *why) MUST_CHECK;

#endif
