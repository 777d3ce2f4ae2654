/*
 * Table types that are loaded on demand. dynamicmaps.cf in meta_directory, and
 * the files dynamicmaps.cf.d/x.cf beside it that packages bring, say which object
 * holds which type:
 *
 *     lmdb  postfix-lmdb.so  dict_lmdb_open  mkmap_lmdb_open
 *
 * compat: the names of functions in such a line are those of Postfix's plug-ins, and mean
 * nothing here. Whoever can write these files runs code as root, so they must be root's,
 * or those of the user who runs us (util/object.h). The lists are looked at when they are
 * open.
 */
#include "table/plugin.h"

#include "table/locations.gen.h"
#include "util/file.h"
#include "util/object.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LIST_MAX = 1 << 20 };

/* One reading of the lists: visit is called for each line, until it returns true. */
struct reading {
    const struct table_places *places;
    struct arena *arena;
    bool (*visit)(struct reading *reading, struct str type, struct str object);
    struct str wanted;  /* for take_wanted ... */
    const char *object; /* ... what it found */
    struct texts *names;
};

static const char *objects_of(const struct table_places *places)
{
    return places->objects ? places->objects : DEFAULT_SHLIB_DIRECTORY;
}

static const char *path_of(const struct table_places *places, struct arena *arena,
                           const char *object)
{
    return object[0] == '/' ? object
                            : arena_printf(arena, "%s/%s", objects_of(places), object);
}

/* --- the lists ------------------------------------------------------------------------
 */

static int read_line(struct reading *reading, const char *path, long number,
                     struct str line, struct fail *why)
{
    struct str type = str_word(&line, " \t\r"), object = str_word(&line, " \t\r");

    if (type.n == 0 || type.p[0] == '#')
        return 0;
    if (object.n == 0)
        return fail_set(why, "%s, line %ld: expected \"type object ...\"", path, number);
    return reading->visit(reading, type, object);
}

/* 0 = read, or not there; -1 = failure */
static int read_text(const char *path, struct arena *arena, struct str *ret,
                     struct fail *why)
{
    int fd = file_open(path, O_RDONLY | O_NOCTTY, 0, why), result;
    struct stat st;

    if (fd < 0)
        return access(path, F_OK) < 0 ? 0 : -1;
    if (fstat(fd, &st) < 0)
        result = fail_set(why, "%s: %m", path);
    else if ((result = object_check_owner(path, &st, why)) == 0 &&
             (result = file_read_open(fd, LIST_MAX, arena, ret, why)) < 0)
        fail_prefix(why, "%s", path);
    close(fd);
    return result;
}

/* 1 = visit wants no more, 0 = read, or not there; -1 = failure */
static int read_list(struct reading *reading, const char *path, struct fail *why)
{
    struct str text = STR_NONE;
    int result = read_text(path, reading->arena, &text, why);

    for (long n = 1; text.n > 0 && result == 0; n++)
        result = read_line(reading, path, n, str_until(&text, '\n'), why);
    return result;
}

static int is_list(const struct dirent *entry)
{
    return str_ends(str_of(entry->d_name), ".cf") && entry->d_name[0] != '.';
}

static int read_lists(struct reading *reading, struct fail *why)
{
    const char *lists = reading->places->lists;
    const char *file = arena_printf(reading->arena, "%s/dynamicmaps.cf",
                                    lists ? lists : DEFAULT_META_DIRECTORY);
    const char *folder = arena_printf(reading->arena, "%s.d", file);
    struct dirent **entries = NULL;
    int result = read_list(reading, file, why);
    int n = scandir(folder, &entries, is_list, alphasort);

    for (int i = 0; i < n; i++) {
        if (result == 0)
            result = read_list(
                reading,
                arena_printf(reading->arena, "%s/%s", folder, entries[i]->d_name), why);
        free(entries[i]);
    }
    free(entries);
    return result;
}

static bool take_wanted(struct reading *reading, struct str type, struct str object)
{
    if (!str_eq(type, reading->wanted))
        return false;
    reading->object = arena_copy_str(reading->arena, object);
    return true;
}

static bool take_name(struct reading *reading, struct str type, struct str object)
{
    if (!texts_has(reading->names, type, false) &&
        plugin_is_there(reading->places, arena_copy_str(reading->arena, object)))
        texts_add(reading->names, reading->arena, arena_copy_str(reading->arena, type));
    return false;
}

/* --- the objects ----------------------------------------------------------------------
 */

/* The object at path, or NULL with why. */
static void *open_object(const char *path, struct str name, struct fail *why)
{
    void *object = object_find(path);

    if (object)
        return object;
    if (access(path, F_OK) < 0) {
        fail_set(why,
                 "unsupported dictionary type: %.*s (%s: %m). Is the postfix-%.*s "
                 "package installed?",
                 STR_ARG(name), path, STR_ARG(name));
        return NULL;
    }
    object = object_load(path, why);
    if (!object)
        fail_prefix(why, "unsupported dictionary type: %.*s", STR_ARG(name));
    return object;
}

static const struct table_type *load(const char *path, struct str name, struct fail *why)
{
    void *object = open_object(path, name, why);
    const struct table_plugin *plugin =
        object ? dlsym(object, TABLE_PLUGIN_SYMBOL) : NULL;

    if (!object)
        return NULL;
    if (!plugin)
        fail_set(why, "unsupported dictionary type: %.*s (%s)", STR_ARG(name), dlerror());
    else if (strcmp(plugin->version, TABLE_PLUGIN_VERSION) != 0)
        fail_set(why,
                 "unsupported dictionary type: %.*s (%s is of another version: install "
                 "the one that came with this program, and restart)",
                 STR_ARG(name), path);
    else {
        for (const struct table_type *const *type = plugin->types; *type; type++)
            if (str_is(name, (*type)->name))
                return *type;
        fail_set(why, "unsupported dictionary type: %.*s (it is not in %s)",
                 STR_ARG(name), path);
    }
    return NULL;
}

/* Of types that come in packages of their own. */
static const char *hint(struct str name)
{
    static const struct {
        const char *type, *words;
    } packages[] = {
#define PACKAGE(type) {type, ". Is the postfix-" type " package installed?"}
        PACKAGE("cdb"),   PACKAGE("ldap"),  PACKAGE("lmdb"),
        PACKAGE("mysql"), PACKAGE("pgsql"), PACKAGE("sqlite"),
    };

    for (size_t i = 0; i < COUNT(packages); i++)
        if (str_is(name, packages[i].type))
            return packages[i].words;
    return "";
}

static bool has_objects(const struct table_places *places)
{
    return strcmp(objects_of(places), "no") != 0;
}

const struct table_type *plugin_find(const struct table_places *places, struct str name,
                                     const char *object, struct fail *why)
{
    struct arena *arena = arena_new("table type");
    struct reading reading = {.places = places,
                              .arena = arena,
                              .visit = take_wanted,
                              .wanted = name,
                              .object = object};
    const struct table_type *type = NULL;
    int found = 0;

    if (!object && has_objects(places))
        found = read_lists(&reading, why);
    if (found >= 0 && !reading.object)
        fail_set(why, "unsupported dictionary type: %.*s%s", STR_ARG(name), hint(name));
    else if (found >= 0 && !has_objects(places))
        fail_set(why, "unsupported dictionary type: %.*s (shlib_directory is \"no\")",
                 STR_ARG(name));
    else if (found >= 0)
        type = load(path_of(places, arena, reading.object), name, why);
    arena_free(arena);
    return type;
}

bool plugin_is_there(const struct table_places *places, const char *object)
{
    struct arena *arena = arena_new("table type");
    bool there = has_objects(places) && access(path_of(places, arena, object), R_OK) == 0;

    arena_free(arena);
    return there;
}

void plugin_names(const struct table_places *places, struct arena *arena,
                  struct texts *ret)
{
    struct reading reading = {
        .places = places, .arena = arena, .visit = take_name, .names = ret};
    struct fail ignored; /* who uses such a table is told */

    (void)(read_lists(&reading, &ignored) < 0);
}
