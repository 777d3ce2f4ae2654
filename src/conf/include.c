/*
 * Reading conf.d. Which files it holds, and that later ones win, is decided
 * here; that they are read at all is up to load.c (main_cf_include).
 */
#include "conf/include.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int is_included(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && str_ends(str_of(entry->d_name), ".cf");
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int include_read(const char *directory, struct arena *arena, struct settings *settings,
                 struct texts *warnings, struct fail *why)
{
    const char *folder = arena_printf(arena, "%s/conf.d", directory);
    struct settings all = *settings;
    struct dirent **entries;
    int n = scandir(folder, &entries, is_included, by_bytes), result = 0;

    if (n < 0)
        return errno == ENOENT ? 0 : fail_set(why, "read folder %s: %m", folder);
    for (int i = 0; i < n; i++) {
        struct settings more;

        if (result == 0)
            result =
                settings_read(arena_printf(arena, "%s/%s", folder, entries[i]->d_name),
                              arena, &more, warnings, why);
        if (result == 0)
            all = settings_merge(&all, &more, arena);
        free(entries[i]);
    }
    free(entries);
    if (result == 0)
        *settings = all;
    return result;
}
