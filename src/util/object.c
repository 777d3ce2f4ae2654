/* An object is loaded by name, so that debuggers find it; no other user may then have a
 * way to put another file there between our look and the loader's. */
#include "util/object.h"

#include "util/str.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

static bool is_trusted(uid_t owner)
{
    return owner == 0 || (owner == geteuid() && !getauxval(AT_SECURE));
}

int object_check_owner(const char *path, const struct stat *st, struct fail *why)
{
    if (!is_trusted(st->st_uid) || (st->st_mode & (S_IWGRP | S_IWOTH)))
        return fail_set(why, "%s: file is owned or writable by non-root users", path);
    return 0;
}

/* In a folder with the sticky bit others can't take away what is ours. */
static int check_folder(const char *path, struct fail *why)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return fail_set(why, "%s: %m", path);
    if (!is_trusted(st.st_uid) ||
        ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX)))
        return fail_set(why, "folder %s is owned or writable by non-root users", path);
    return 0;
}

/* May nobody but root and ourselves put another file at path, which has no links in it?
 */
static int check_way(const char *path, struct fail *why)
{
    char folder[PATH_MAX];
    struct stat st;

    if (stat(path, &st) < 0)
        return fail_set(why, "%s: %m", path);
    if (object_check_owner(path, &st, why) < 0 || check_folder("/", why) < 0)
        return -1;
    for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        size_t n = (size_t)(at - path);

        memcpy(folder, path, n); /* realpath(3) gives less than PATH_MAX */
        folder[n] = '\0';
        if (check_folder(folder, why) < 0)
            return -1;
    }
    return 0;
}

void *object_find(const char *path)
{
    return dlopen(path, RTLD_NOW | RTLD_NOLOAD);
}

void *object_load(const char *path, struct fail *why)
{
    char real[PATH_MAX];
    void *object;

    if (!realpath(path, real)) {
        fail_set(why, "%s: %m", path);
        return NULL;
    }
    if (check_way(real, why) < 0)
        return NULL;
    /* never closed: libraries leave threads and exit handlers behind */
    object = dlopen(real, RTLD_LAZY | RTLD_LOCAL);
    if (!object)
        fail_set(why, "%s", dlerror());
    else /* in a jail it is known by the name that is configured */
        (void)dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    return object;
}
