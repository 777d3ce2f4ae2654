/* What the lists of this folder need of the registry. */
#ifndef TABLE_REGISTRY_H
#define TABLE_REGISTRY_H

#include "table/table.h"

/* Memory that lives as long as the tables. */
struct arena *tables_arena(const struct tables *tables);

#endif
