/* Words of an environment list, by the rules of "name = value" lines. */
#include "conf/environment.h"

#include "conf/settings.h"

#include <stdlib.h>
#include <string.h>

static void split(const char *list, struct arena *arena, struct texts *ret)
{
    texts_split_braced(ret, arena, str_of(list), ", \t\r\n");
}

void environment_add(const char *list, struct arena *arena, struct texts *ret)
{
    struct texts words = {0};

    split(list, arena, &words);
    for (size_t i = 0; i < words.n; i++) {
        const char *word = words.items[i], *present;
        struct str name, value;

        if (strchr(word, '=') == NULL) {
            if ((present = getenv(word)) != NULL)
                texts_add(ret, arena, arena_printf(arena, "%s=%s", word, present));
        } else if (setting_split(str_of(word), &name, &value, NULL) == 0)
            texts_add(ret, arena,
                      arena_printf(arena, "%.*s=%.*s", STR_ARG(name), STR_ARG(value)));
    }
}

int environment_check(const char *list, struct arena *arena, struct fail *why)
{
    struct texts words = {0};
    struct str name, value;

    split(list, arena, &words);
    for (size_t i = 0; i < words.n; i++)
        if (strchr(words.items[i], '=') &&
            setting_split(str_of(words.items[i]), &name, &value, why) < 0)
            return -1;
    return 0;
}
