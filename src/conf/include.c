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

int include_files(const char *directory, struct arena *arena, struct texts *ret,
                  struct fail *why)
{
    const char *folder = arena_printf(arena, "%s/conf.d", directory);
    struct dirent **entries;
    int n = scandir(folder, &entries, is_included, by_bytes);

    if (n < 0)
        return errno == ENOENT ? 0 : fail_set(why, "read folder %s: %m", folder);
    for (int i = 0; i < n; i++) {
        texts_add(ret, arena, arena_printf(arena, "%s/%s", folder, entries[i]->d_name));
        free(entries[i]);
    }
    free(entries);
    return 0;
}

int include_read(const char *directory, struct arena *arena, struct settings *settings,
                 struct texts *warnings, struct fail *why)
{
    struct settings all = *settings;
    struct texts files = {0};

    if (include_files(directory, arena, &files, why) < 0)
        return -1;
    for (size_t i = 0; i < files.n; i++) {
        struct settings more;

        if (settings_read(files.items[i], arena, &more, warnings, why) < 0)
            return -1;
        all = settings_merge(&all, &more, arena);
    }
    *settings = all;
    return 0;
}
