/*
 * Keys as tables store them: lower case. Most keys are ASCII in lower case
 * already; those are not copied.
 */
#include "table/fold.h"

#include "mail/utf8.h"
#include "util/buf.h"

enum { FOLDED_MAX = 1 << 20 }; /* safety net; callers limit their keys */

static bool is_folded(struct str key)
{
    for (size_t i = 0; i < key.n; i++) {
        unsigned char c = (unsigned char)key.p[i];

        if (c >= 128 || (c >= 'A' && c <= 'Z'))
            return false;
    }
    return true;
}

struct str fold(struct arena *arena, struct str key, bool utf8)
{
    struct buf out;
    struct str folded;

    if (is_folded(key))
        return key;
    buf_init(&out, FOLDED_MAX + 4 * key.n);
    utf8_add_folded(&out, key, utf8);
    folded = str_from(arena_copy_str(arena, buf_str(&out)), out.n);
    buf_done(&out);
    return folded;
}

bool fold_is_utf8(struct str text)
{
    return utf8_is_valid(text);
}
