/* The attribute user= of services that run commands: pipe(8), spawn(8). */
#ifndef SERVICE_RIGHTS_H
#define SERVICE_RIGHTS_H

#include "conf/conf.h"
#include "util/arena.h"

#include <sys/types.h>

struct service_rights {
    uid_t uid;
    gid_t gid;
};

/*
 * "joe" or "joe:staff"; the group is the user's when it is not named. -1 with *why for
 * names that are unknown, and for root, $mail_owner and their groups.
 */
int service_rights_parse(const char *value, const struct conf *conf, struct arena *arena,
                         struct service_rights *ret, struct fail *why) MUST_CHECK;

#endif
