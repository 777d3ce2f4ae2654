/*
 * The hosts file, kept in memory as a list of lines. A file that vanished is
 * an empty one; a file that is there but cannot be read is an error, since
 * its names may be what access rules count on.
 */
#include "net/hosts.h"

#include "util/file.h"
#include "util/list.h"

#include <errno.h>
#include <sys/stat.h>

enum { LOOK_AGAIN_MS = 1000, FILE_MAX = 64 << 20 };

struct line {
    struct netaddr address;
    const char *const *names; /* canonical name first */
    size_t n;
};

struct hosts {
    struct arena *own; /* of this struct and path */
    const char *path;
    const struct clock *clock;
    int64_t looked_ms;
    bool looked;         /* at least once */
    struct stat stamp;   /* of what lines hold; st_ino 0 = no file */
    struct arena *arena; /* of lines; reset at each reading */
    struct line *lines;
    size_t n;
};

struct hosts *hosts_new(const char *path, const struct clock *clock)
{
    struct arena *own = arena_new("hosts");
    struct hosts *hosts = ARENA_NEW(own, struct hosts);

    hosts->own = own;
    hosts->path = arena_copy(own, path);
    hosts->clock = clock;
    hosts->arena = arena_new("hosts lines");
    return hosts;
}

void hosts_free(struct hosts *hosts)
{
    if (hosts == NULL)
        return;
    arena_free(hosts->arena);
    arena_free(hosts->own);
}

/* "192.0.2.1 host.example host # comment"; lines of another form are skipped. */
static void parse_line(struct hosts *hosts, struct str text)
{
    struct line *line = &hosts->lines[hosts->n];
    struct texts names = {0};
    struct str rest = str_head(text, str_find(text, '#'));

    if (!netaddr_parse(str_word(&rest, " \t\r"), &line->address))
        return;
    texts_split(&names, hosts->arena, rest, " \t\r");
    if (names.n == 0)
        return;
    line->names = names.items;
    line->n = names.n;
    hosts->n++;
}

static void parse(struct hosts *hosts, struct str content)
{
    size_t n = 1;

    for (size_t i = 0; i < content.n; i++)
        n += content.p[i] == '\n';
    hosts->lines = arena_array(hosts->arena, n, sizeof *hosts->lines);
    hosts->n = 0;
    while (content.n > 0)
        parse_line(hosts, str_until(&content, '\n'));
}

static bool same_stamp(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int read_again(struct hosts *hosts, const struct stat *now, struct fail *why)
{
    struct str content = STR_NONE;

    arena_reset(hosts->arena);
    hosts->lines = NULL;
    hosts->n = 0;
    hosts->stamp = (struct stat){0};
    if (now->st_ino == 0)
        return 0;
    if (file_read(hosts->path, FILE_MAX, hosts->arena, &content, why) < 0)
        return -1;
    parse(hosts, content);
    hosts->stamp = *now;
    return 0;
}

static int refresh(struct hosts *hosts, struct fail *why)
{
    int64_t now_ms = clock_ms(hosts->clock);
    struct stat now;

    if (hosts->looked && now_ms - hosts->looked_ms < LOOK_AGAIN_MS)
        return 0;
    if (stat(hosts->path, &now) < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            return fail_set(why, "stat %s: %m", hosts->path);
        now = (struct stat){0};
    }
    if ((!hosts->looked || !same_stamp(&now, &hosts->stamp)) &&
        read_again(hosts, &now, why) < 0) {
        hosts->looked = false;
        return -1;
    }
    hosts->looked = true;
    hosts->looked_ms = now_ms;
    return 0;
}

static bool line_has(const struct line *line, struct str name)
{
    for (size_t i = 0; i < line->n; i++)
        if (str_eq_nocase(str_of(line->names[i]), name))
            return true;
    return false;
}

int hosts_by_name(struct hosts *hosts, const char *name, struct arena *arena,
                  struct netaddrs *ret, struct fail *why)
{
    struct netaddrs found = {0};

    if (refresh(hosts, why) < 0)
        return -1;
    for (size_t i = 0; i < hosts->n; i++)
        found.n += line_has(&hosts->lines[i], str_of(name));
    if (found.n == 0)
        return 0;
    found.items = arena_array(arena, found.n, sizeof *found.items);
    found.n = 0;
    for (size_t i = 0; i < hosts->n; i++)
        if (line_has(&hosts->lines[i], str_of(name)))
            found.items[found.n++] = hosts->lines[i].address;
    *ret = found;
    return 1;
}

int hosts_by_address(struct hosts *hosts, const struct netaddr *address,
                     struct arena *arena, const char **ret, struct fail *why)
{
    if (refresh(hosts, why) < 0)
        return -1;
    for (size_t i = 0; i < hosts->n; i++)
        if (netaddr_equal(&hosts->lines[i].address, address)) {
            *ret = arena_copy(arena, hosts->lines[i].names[0]);
            return 1;
        }
    return 0;
}
