/*
 * The catalogue of table types. A new type is its own file and one line here.
 *
 * Types that need an outside library are plug-ins. Those that always come with
 * us (Berkeley DB, PCRE2) are found without a list; a process that uses none of
 * their tables does not pay for loading the library, a fifth of its start.
 */
#include "table/types.h"

#include "table/plugin.h"
#include "table/type.h"

#include <stdlib.h>

/* In order of name, for postconf -m. */
static const struct table_type *const built_in[] = {
    &table_cidr,     &table_debug,     &table_environ, &table_fail,  &table_inline,
    &table_memcache, &table_internal,  &table_pipemap, &table_proxy, &table_randmap,
    &table_regexp,   &table_socketmap, &table_static,  &table_tcp,   &table_texthash,
    &table_unionmap, &table_unix,
};

/* The others: what is known of them before they are loaded. */
static const struct {
    const char *name;
    const char *object; /* NULL = a package of its own, and named in dynamicmaps.cf */
    unsigned traits;
} loaded[] = {
    {"btree", "postfix-berkeley.so", TABLE_FIXED | TABLE_INDEXED},
    {"cdb", NULL, TABLE_FIXED | TABLE_INDEXED},
    {"hash", "postfix-berkeley.so", TABLE_FIXED | TABLE_INDEXED},
    {"lmdb", NULL, TABLE_FIXED | TABLE_INDEXED},
    {"pcre", "postfix-pcre.so", TABLE_SUBSTITUTES},
};

const struct table_type *table_type_find(const struct table_places *places,
                                         struct str name, struct fail *why)
{
    const char *object = NULL;

    for (size_t i = 0; i < COUNT(built_in); i++)
        if (str_is(name, built_in[i]->name))
            return built_in[i];
    for (size_t i = 0; i < COUNT(loaded); i++)
        if (str_is(name, loaded[i].name))
            object = loaded[i].object;
    return plugin_find(places, name, object, why);
}

unsigned table_type_traits(struct str name)
{
    for (size_t i = 0; i < COUNT(built_in); i++)
        if (str_is(name, built_in[i]->name))
            return built_in[i]->traits;
    for (size_t i = 0; i < COUNT(loaded); i++)
        if (str_is(name, loaded[i].name))
            return loaded[i].traits;
    return TABLE_FIXED;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void table_type_names(const struct table_places *places, struct arena *arena,
                      struct texts *ret)
{
    for (size_t i = 0; i < COUNT(built_in); i++)
        texts_add(ret, arena, built_in[i]->name);
    for (size_t i = 0; i < COUNT(loaded); i++)
        if (loaded[i].object && plugin_is_there(places, loaded[i].object))
            texts_add(ret, arena, loaded[i].name);
    plugin_names(places, arena, ret);
    qsort(ret->items, ret->n, sizeof(*ret->items), by_name);
}
