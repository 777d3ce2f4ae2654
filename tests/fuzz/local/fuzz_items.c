/*
 * The right-hand side of aliases, and the lines of users' .forward and :include:
 * files: any text is taken, and becomes items that later steps can rely on.
 */
#include "fuzz.h"

#include "local/local.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new("fuzz");
    struct str line = INPUT(data, size < 20000 ? size : 20000);
    struct items items = items_parse(line, 1000, arena);

    HOLDS(items.n <= line.n);
    for (size_t i = 0; i < items.n; i++) {
        struct str text = items.items[i].text;

        HOLDS(text.p[text.n] == '\0');
        HOLDS(strlen(text.p) == text.n);
        HOLDS(items.items[i].kind != ITEM_FILE || strchr("/~", text.p[0]) != NULL);
    }
    arena_free(arena);
    return 0;
}
