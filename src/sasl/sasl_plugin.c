/* Loading the object with the Cyrus SASL library. */
#include "sasl/sasl_plugin.h"

#include "sasl/plugin_version.gen.h"
#include "util/object.h"

#include <dlfcn.h>

const struct sasl_plugin *sasl_plugin_load(const char *path, struct fail *why)
{
    void *object = object_find(path);
    const struct sasl_plugin *plugin = NULL;

    if (!object)
        object = object_load(path, why);
    if (object && (plugin = dlsym(object, SASL_PLUGIN_SYMBOL)) == NULL)
        fail_set(why, "%s: no SASL plug-in", path);
    else if (plugin && strcmp(plugin->version, PLUGIN_VERSION) != 0) {
        fail_set(why,
                 "%s is of another version: install the one that came with this "
                 "program, and restart",
                 path);
        plugin = NULL;
    }
    if (!plugin)
        fail_prefix(why, "SASL type cyrus");
    return plugin;
}
