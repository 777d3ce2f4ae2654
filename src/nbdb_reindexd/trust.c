/*
 * What may be indexed. The request may come from any process of the mail system, and we
 * are root: so only what was a table before counts, that nobody could have put in its
 * place, in folders where the administrator has tables.
 */
#include "nbdb_reindexd/reindex.h"

#include "util/list.h"
#include "util/str.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    while (n > 1 && folder[n - 1] == '/')
        n--;
    return strncmp(path, folder, n) == 0 && path[n] == '/';
}

static int check_prefix(const char *name, const char *folders, const char *path,
                        struct arena *arena, struct fail *why)
{
    struct texts words = {0};

    texts_split(&words, arena, str_of(folders), ", \t\r\n");
    for (size_t i = 0; i < words.n; i++)
        if (is_below(path, words.items[i]))
            return 0;
    return fail_set(why, "%s is in no folder of %s", path, name);
}

/* Nobody but this user and root. */
static int check_owner(const char *path, const struct stat *st, uid_t owner,
                       struct fail *why)
{
    if (st->st_uid != 0 && st->st_uid != owner)
        return fail_set(why, "%s belongs to another user than its index", path);
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return fail_set(why, "%s is group or other writable", path);
    return 0;
}

static int check_file(const char *path, struct stat *ret, struct fail *why)
{
    if (lstat(path, ret) < 0)
        return fail_set(why, "look at %s: %m", path);
    return S_ISREG(ret->st_mode) ? 0 : fail_set(why, "%s is no regular file", path);
}

static int check_straight(const char *path, struct fail *why)
{
    char *real = realpath(path, NULL);
    bool straight = real && strcmp(real, path) == 0;
    int error = errno;

    free(real);
    errno = error;
    if (!real)
        return fail_set(why, "look at %s: %m", path);
    return straight ? 0 : fail_set(why, "%s is not the plain path of a file", path);
}

int trust_check(const struct conf *conf, const char *path, struct arena *arena,
                struct fail *why)
{
    const char *index = arena_printf(arena, "%s.db", path);
    const char *folder =
        arena_copy_str(arena, str_head(str_of(path), str_find_last(str_of(path), '/')));
    struct stat source_st, index_st, folder_st;

    if (path[0] != '/' || *folder == '\0')
        return fail_set(why, "%s is in no folder", path);
    if (check_straight(path, why) < 0 || check_file(path, &source_st, why) < 0 ||
        check_file(index, &index_st, why) < 0)
        return -1;
    if (lstat(folder, &folder_st) < 0)
        return fail_set(why, "look at %s: %m", folder);
    if (check_owner(path, &source_st, index_st.st_uid, why) < 0 ||
        check_owner(index, &index_st, index_st.st_uid, why) < 0 ||
        check_owner(folder, &folder_st, index_st.st_uid, why) < 0)
        return -1;
    if (index_st.st_uid == 0)
        return check_prefix("non_bdb_migration_allow_root_prefixes",
                            conf->non_bdb_migration_allow_root_prefixes, path, arena,
                            why);
    return check_prefix("non_bdb_migration_allow_user_prefixes",
                        conf->non_bdb_migration_allow_user_prefixes, path, arena, why);
}
