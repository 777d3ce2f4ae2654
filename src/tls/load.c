/* Finds the plug-in beside those for tables. */
#include "tls/tls.h"

#include "tls/plugin_version.gen.h"
#include "util/object.h"

#include <dlfcn.h>

const struct tls_library *tls_load(const char *shlib_directory, struct arena *arena,
                                   struct fail *why)
{
    const char *path = arena_printf(arena, "%s/postfix-tls.so", shlib_directory);
    const struct tls_library *library;
    void *object = object_find(path);

    if (!object)
        object = object_load(path, why);
    if (!object)
        return NULL;
    library = dlsym(object, TLS_LIBRARY_SYMBOL);
    if (library && strcmp(library->version, PLUGIN_VERSION) == 0)
        return library;
    fail_set(why,
             "%s is of another version: install the one that came with this program, and "
             "restart",
             path);
    return NULL;
}
