/* :include:/file: whose rights hold for its content, and how deep they nest. */
#include "local/local.h"

#include "deliver/rights.h"
#include "util/file.h"
#include "util/log.h"

#include <errno.h>
#include <stdlib.h>

enum { NESTED_MAX = 20 };

static void refuse(struct attempt *attempt, const struct step *step, const char *status,
                   const char *words)
{
    log_warning("%s", words);
    attempt_outcome(attempt, step, status, "mail system configuration error");
}

/*
 * Those who name the file by their own .forward or alias file read it with their
 * own rights; root lends the rights of the file's owner.
 */
static int find_rights(struct attempt *attempt, struct step *step, const char *path,
                       struct rights *ret_reader, struct fail *why)
{
    struct stat st;
    struct user *owner;
    int found;

    if (step->rights) {
        *ret_reader = rights_of(attempt->agent, step->rights);
        return 0;
    }
    rights_give_back(attempt->delivery);
    if (stat(path, &st) < 0)
        return fail_set(why, "unable to lookup :include: file %s: %m", path);
    *ret_reader = (struct rights){.uid = st.st_uid, .gid = st.st_gid};
    if (st.st_uid == 0)
        return 0;
    owner = ARENA_NEW(attempt->arena, struct user);
    found = user_by_uid(st.st_uid, attempt->arena, owner, why);
    if (found == 0)
        return fail_set(why,
                        ":include: file %s belongs to user id %u, which has no "
                        "account",
                        path, (unsigned)st.st_uid);
    ret_reader->gid = found > 0 ? owner->gid : st.st_gid;
    step->rights = owner;
    return found < 0 ? -1 : 0;
}

/*
 * A link that only root can have made is the administrator's; any other could name
 * a file of somebody else's, whose lines the report would tell.
 */
static const char *behind_link(struct attempt *attempt, const char *path)
{
    char *target = file_link_is_trusted(path) ? realpath(path, NULL) : NULL;

    if (target)
        path = arena_copy(attempt->arena, target);
    free(target);
    return path;
}

static int read_list(struct attempt *attempt, struct step *step, const char *path,
                     struct str *ret, struct fail *why)
{
    struct rights reader;
    struct stat st;
    int result;

    rights_give_back(attempt->delivery);
    path = behind_link(attempt, path);
    if (find_rights(attempt, step, path, &reader, why) < 0)
        return -1;
    result = list_read(attempt, path, reader, ret, &st, why);
    if (result == 0) {
        errno = ENOENT;
        return fail_set(why, "unable to lookup :include: file %s: %m", path);
    }
    /* Whoever can make a link could have any file of root's read and told of. */
    if (result > 0 && reader.uid == 0 && st.st_nlink != 1)
        return fail_set(why, ":include: file %s has %lu hard links", path,
                        (unsigned long)st.st_nlink);
    if (result > 0 && st.st_uid != 0 && st.st_uid != reader.uid)
        return fail_set(why, ":include: file %s has bad owner uid %u", path,
                        (unsigned)st.st_uid);
    if (result < 0)
        fail_set(why, ":include: %s", arena_copy(attempt->arena, why->text));
    return result < 0 ? -1 : 0;
}

void include_deliver(struct attempt *attempt, const struct step *step, const char *path)
{
    struct step inside = *step;
    struct str content;
    struct fail why;

    inside.parent = step;
    inside.origin = FROM_INCLUDE;
    inside.leaves = true;
    inside.stays = NULL;
    inside.includes++;
    if (!(attempt->agent->extends & FROM_INCLUDE))
        inside.unmatched = "";
    if (*path != '/')
        refuse(attempt, step, "5.3.5",
               arena_printf(attempt->arena, ":include:%s uses a relative path", path));
    else if (inside.includes > NESTED_MAX)
        refuse(attempt, step, "5.3.5",
               arena_printf(attempt->arena, ":include:%s is nested too deeply", path));
    else if (!attempt_is_first(attempt, "include %s %d %s", attempt_sender(attempt, step),
                               step->leaves, path))
        attempt_expanded(attempt, step);
    else if (read_list(attempt, &inside, path, &content, &why) < 0)
        refuse(attempt, step, why.code == EIO || why.code == ESTALE ? "4.3.5" : "5.3.5",
               why.text);
    else {
        attempt_expanded(attempt, step);
        (void)items_deliver_file(attempt, &inside, content);
    }
}
