/*
 * Reading settings and finding them by name. The file is read whole, once; a
 * setting's value stays text until load.c or postconf asks for it.
 */
#include "conf/settings.h"

#include "conf/lines.h"
#include "util/file.h"

#include <stdlib.h>

enum { MAIN_CF_MAX = 16 * 1024 * 1024 };

int setting_split(struct str line, struct str *ret_name, struct str *ret_value,
                  struct fail *why)
{
    struct str rest = str_trim(line);
    size_t n = str_find_any(rest, "= \t\r\n\v\f");
    struct str name = str_head(rest, n);

    rest = str_trim_left(str_tail(rest, n));
    if (rest.n == 0 || rest.p[0] != '=')
        return fail_set(why, "missing '=' after attribute name: \"%.*s\"",
                        STR_ARG(str_trim(line)));
    if (name.n == 0)
        return fail_set(why, "missing attribute name: \"%.*s\"", STR_ARG(str_trim(line)));
    *ret_name = name;
    *ret_value = str_trim(str_tail(rest, 1));
    return 0;
}

/* A growing array; what it outgrows stays in the arena. */
static void add(struct settings *settings, size_t *size, struct arena *arena,
                struct setting item)
{
    if (settings->n == *size) {
        size_t more = *size ? *size * 2 : 64;
        struct setting *items = arena_array(arena, more, sizeof(*items));

        if (settings->n > 0)
            memcpy(items, settings->items, settings->n * sizeof(*items));
        settings->items = items;
        *size = more;
    }
    settings->items[settings->n++] = item;
}

static int by_name_and_line(const void *a, const void *b)
{
    const struct setting *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : x->line - y->line;
}

/* A number below 256 that names of the same spelling share, and few others. */
static unsigned mark_of(struct str name)
{
    unsigned char first = (unsigned char)name.p[0],
                  middle = (unsigned char)name.p[name.n / 2],
                  last = (unsigned char)name.p[name.n - 1];

    return (unsigned)(name.n * 5 + first * 7u + middle * 31u + last * 3u) & 255;
}

void settings_index(struct settings *settings)
{
    for (size_t i = 0; i < settings->n; i++) {
        unsigned at = mark_of(str_of(settings->items[i].name));

        settings->marks[at / 64] |= UINT64_C(1) << at % 64;
    }
}

static bool may_hold(const struct settings *settings, struct str name)
{
    unsigned at = name.n > 0 ? mark_of(name) : 0;

    return name.n > 0 && (settings->marks[at / 64] >> at % 64 & 1);
}

static int by_line(const void *a, const void *b)
{
    const struct setting *x = a, *y = b;

    return x->line - y->line;
}

/* compat: saying the same twice is no news. In the order of the file. */
static void warn_overrides(struct settings *overridden, const char *path,
                           struct arena *arena, struct texts *warnings)
{
    if (overridden->n > 0)
        qsort(overridden->items, overridden->n, sizeof(overridden->items[0]), by_line);
    for (size_t i = 0; i < overridden->n; i++)
        texts_add(warnings, arena,
                  arena_printf(arena, "%s, line %d: overriding earlier entry: %s=%s",
                               path, overridden->items[i].line, overridden->items[i].name,
                               overridden->items[i].value));
}

/* Sort; of each name keep the one with the highest line number. */
static void settle(struct settings *settings, const char *path, struct arena *arena,
                   struct texts *warnings)
{
    struct settings overridden = {0};
    size_t kept = 0, size = 0;

    if (settings->n > 0)
        qsort(settings->items, settings->n, sizeof(settings->items[0]), by_name_and_line);
    for (size_t i = 0; i < settings->n; i++) {
        struct setting item = settings->items[i];

        if (kept > 0 && strcmp(settings->items[kept - 1].name, item.name) == 0) {
            const char *former = settings->items[--kept].value;

            if (warnings && strcmp(former, item.value) != 0)
                add(&overridden, &size, arena,
                    (struct setting){
                        .name = item.name, .value = former, .line = item.line});
        }
        settings->items[kept++] = item;
    }
    settings->n = kept;
    settings_index(settings);
    warn_overrides(&overridden, path, arena, warnings);
}

int settings_read(const char *path, struct arena *arena, struct settings *ret,
                  struct texts *warnings, struct fail *why)
{
    struct settings settings = {0};
    struct str source, name, value;
    struct lines lines;
    struct line line;
    size_t size = 0;

    if (file_read(path, MAIN_CF_MAX, arena, &source, why) < 0)
        return -1;
    path = arena_copy(arena, path);
    lines_start(&lines, source, arena);
    while (lines_next(&lines, &line)) {
        if (line.orphan) {
            texts_add(
                warnings, arena,
                arena_printf(arena,
                             "%s, line %d: logical line must not start with whitespace: "
                             "\"%.*s\"",
                             path, line.number, STR_ARG(line.text)));
            continue;
        }
        if (setting_split(line.text, &name, &value, why) < 0)
            return fail_prefix(why, "%s, line %d", path, line.number);
        add(&settings, &size, arena,
            (struct setting){
                .name = arena_copy_str(arena, name),
                .value = arena_copy_str(arena, value),
                .path = path,
                .line = line.number,
            });
    }
    settle(&settings, path, arena, warnings);
    *ret = settings;
    return 0;
}

int settings_of_options(const char *const *list, struct arena *arena,
                        struct settings *ret, struct fail *why)
{
    struct settings settings = {0};
    struct str text, name, value;
    size_t size = 0;

    for (int i = 0; list && list[i]; i++) {
        if (!str_unbrace(str_of(list[i]), &text))
            text = str_of(list[i]);
        if (setting_split(text, &name, &value, why) < 0)
            return fail_prefix(why, "-o %s", list[i]);
        add(&settings, &size, arena,
            (struct setting){
                .name = arena_copy_str(arena, name),
                .value = arena_copy_str(arena, value),
                .line = i + 1, /* for settle; no lines here */
            });
    }
    settle(&settings, NULL, arena, NULL);
    for (size_t i = 0; i < settings.n; i++)
        settings.items[i].line = 0;
    *ret = settings;
    return 0;
}

struct settings settings_merge(const struct settings *base, const struct settings *more,
                               struct arena *arena)
{
    struct settings all = {.items =
                               arena_array(arena, base->n + more->n, sizeof(*all.items))};
    size_t i = 0, j = 0;

    while (i < base->n || j < more->n) {
        int order = i == base->n   ? 1
                    : j == more->n ? -1
                                   : strcmp(base->items[i].name, more->items[j].name);

        all.items[all.n++] = order < 0 ? base->items[i] : more->items[j];
        i += order <= 0;
        j += order >= 0;
    }
    settings_index(&all);
    return all;
}

static int name_against(const void *key, const void *item)
{
    const struct str *name = key;
    const struct setting *setting = item;

    return str_compare(*name, str_of(setting->name));
}

const struct setting *settings_find(const struct settings *settings, struct str name)
{
    if (!may_hold(settings, name))
        return NULL;
    return bsearch(&name, settings->items, settings->n, sizeof(settings->items[0]),
                   name_against);
}
