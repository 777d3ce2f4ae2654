/* Finding and loading table types that are shared objects. */
#ifndef TABLE_PLUGIN_H
#define TABLE_PLUGIN_H

#include "table/type.h"

/*
 * The type called name from the object that dynamicmaps.cf names, or from
 * object when it names none; object may be NULL. Objects stay loaded as long as the
 * process lives. NULL with why, which names the package, when there is no such type.
 */
const struct table_type *plugin_find(const struct table_places *places, struct str name,
                                     const char *object, struct fail *why);
bool plugin_is_there(const struct table_places *places, const char *object);
/* Add the names of the types in dynamicmaps.cf whose object is there. */
void plugin_names(const struct table_places *places, struct arena *arena,
                  struct texts *ret);

#endif
