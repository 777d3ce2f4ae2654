/* Case folding and UTF-8 checks of keys, by the rules of the table's options. */
#ifndef TABLE_FOLD_H
#define TABLE_FOLD_H

#include "util/arena.h"
#include "util/str.h"

#include <stdbool.h>

/* key folded to lower case, in arena or key itself when nothing changes. utf8: Unicode's
 * rules, else ASCII. */
struct str fold(struct arena *arena, struct str key, bool utf8);
bool fold_is_utf8(struct str text);

#endif
