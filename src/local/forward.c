/*
 * .forward files: those of forward_path in their order, the first that says
 * something holds. A file that is not to be trusted is passed over with a
 * warning, as if it were not there; one that cannot be read now makes the mail
 * wait.
 */
#include "local/local.h"

#include "util/log.h"

#include <errno.h>

/* Is it the machine's fault that the file was not read? */
static bool is_passing(int code)
{
    return code == EIO || code == ESTALE || code == EMFILE || code == ENFILE ||
           code == ENOMEM || code == ETIMEDOUT;
}

/* The file at path: 1 = *ret is its content, 0 = look on, -1 = the mail waits. */
static int read_file(struct attempt *attempt, const struct step *step,
                     const struct user *user, const char *path, struct str *ret)
{
    struct stat st;
    struct fail why;
    int result =
        list_read(attempt, path, rights_of(attempt->agent, user), ret, &st, &why);

    if (result > 0 && st.st_uid != user->uid && st.st_uid != 0)
        result =
            fail_set(&why, "file %s has bad owner uid %u", path, (unsigned)st.st_uid);
    if (result >= 0)
        return result;
    log_warning("%s", why.text);
    if (!is_passing(why.code))
        return 0;
    attempt_outcome(attempt, step, "4.3.0", "cannot read %s", path);
    return -1;
}

static const char *path_of(struct attempt *attempt, const struct step *step,
                           const struct user *user, const char *text)
{
    struct fail why;
    const char *path = macros_expand(
        attempt, step, user, text, attempt->agent->conf->forward_expansion_filter, &why);

    if (!path)
        log_warning("forward_path: %s", why.text);
    return path;
}

/* Does this item of forward_path name a file for the extension alone? */
static bool is_for_extension(struct attempt *attempt, const struct step *step,
                             const struct user *user, const char *text, const char *path)
{
    struct step plain = *step;
    const char *without;

    plain.extension = plain.suffix = "";
    without = path_of(attempt, &plain, user, text);
    return *step->extension && without && strcmp(without, path) != 0;
}

static void expand(struct attempt *attempt, const struct step *step,
                   const struct user *user, struct str content, bool whole)
{
    struct step expansion = *step;

    expansion.parent = step;
    expansion.origin = FROM_FORWARD;
    expansion.rights = user;
    expansion.stays = user;
    expansion.leaves = true;
    expansion.unmatched =
        !whole && attempt->agent->extends & FROM_FORWARD ? step->suffix : "";
    attempt_expanded(attempt, step);
    (void)items_deliver_file(attempt, &expansion, content);
}

bool forward_deliver(struct attempt *attempt, const struct step *step,
                     const struct user *user)
{
    struct texts paths = {0};
    const char *before = "";

    texts_split_braced(&paths, attempt->arena, str_of(attempt->agent->conf->forward_path),
                       ", \t\r\n");
    for (size_t i = 0; i < paths.n; i++) {
        const char *path = path_of(attempt, step, user, paths.items[i]);
        struct str content;
        int result;

        if (!path || *path != '/' || strcmp(path, before) == 0)
            continue;
        before = path;
        result = read_file(attempt, step, user, path, &content);
        if (result < 0)
            return true;
        if (result == 0)
            continue;
        if (!items_any(attempt, content))
            return false;
        expand(attempt, step, user, content,
               is_for_extension(attempt, step, user, paths.items[i], path));
        return true;
    }
    return false;
}
