/*
 * unix:passwd.byname and unix:group.byname - the system's user and group
 * database, answered as the line of /etc/passwd or /etc/group.
 *
 * A name service that cannot be asked is an error, not "no such user".
 */
#include "table/type.h"
#include "table/types.h"

#include "util/buf.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

enum { ROOM_MIN = 2048, ROOM_MAX = 1 << 22, LINE_MAX_BYTES = 1 << 23 };

/* One try with n bytes of room: 0 and *ret_line (NULL = no such entry), or an errno. */
typedef int asker(const char *name, char *room, size_t n, struct arena *arena,
                  char **ret_line);

static int ask_passwd(const char *name, char *room, size_t n, struct arena *arena,
                      char **ret_line)
{
    struct passwd entry, *found = NULL;
    int error = getpwnam_r(name, &entry, room, n, &found);

    *ret_line =
        found ? arena_printf(arena, "%s:%s:%ld:%ld:%s:%s:%s", entry.pw_name,
                             entry.pw_passwd, (long)entry.pw_uid, (long)entry.pw_gid,
                             entry.pw_gecos, entry.pw_dir, entry.pw_shell)
              : NULL;
    return error;
}

static int ask_group(const char *name, char *room, size_t n, struct arena *arena,
                     char **ret_line)
{
    struct group entry, *found = NULL;
    int error = getgrnam_r(name, &entry, room, n, &found);
    struct buf line;

    *ret_line = NULL;
    if (!found)
        return error;
    buf_init(&line, LINE_MAX_BYTES);
    buf_printf(&line, "%s:%s:%ld:", entry.gr_name, entry.gr_passwd, (long)entry.gr_gid);
    for (size_t i = 0; entry.gr_mem[i]; i++)
        buf_printf(&line, "%s%s", i ? "," : "", entry.gr_mem[i]);
    *ret_line = arena_copy_str(arena, buf_str(&line));
    buf_done(&line);
    return 0;
}

static int unix_open(struct table *table, struct fail *why)
{
    if (strcmp(table->path, "passwd.byname") != 0 &&
        strcmp(table->path, "group.byname") != 0)
        return fail_set(why, "unknown table: %s", table->name);
    return 0;
}

static enum table_result unix_lookup(struct table *table, struct str key,
                                     struct arena *arena, struct str *ret_value,
                                     struct fail *why)
{
    asker *ask = table->path[0] == 'p' ? ask_passwd : ask_group;
    const char *name = arena_copy_str(arena, key);
    int error = ERANGE;
    char *line = NULL;

    for (size_t n = ROOM_MIN; error == ERANGE && n <= ROOM_MAX; n *= 4)
        error = ask(name, arena_alloc(arena, n), n, arena, &line);
    if (line)
        return table_answer(arena, str_of(line), ret_value);
    if (error == 0 || error == ENOENT || error == ESRCH)
        return TABLE_NOT_FOUND;
    errno = error;
    return fail_set(why, "lookup of \"%s\": %m", name);
}

const struct table_type table_unix = {
    .name = "unix",
    .traits = TABLE_FIXED | TABLE_ANY_VALUE,
    .open = unix_open,
    .lookup = unix_lookup,
};
