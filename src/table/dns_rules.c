/*
 * One action only, IGNORE. Whatever else a table says is an error, and errors
 * delay mail: a record that should have been dropped must not be used.
 */
#include "table/dns_rules.h"

static void tell(void (*listener)(const char *text), const char *text)
{
    if (listener)
        listener(text);
}

int dns_rules_ignore(void *context, const char *record, struct arena *arena)
{
    const struct dns_rules *rules = context;
    struct str value, rest;
    struct fail why;
    enum table_result result =
        maps_lookup(rules->maps, str_of(record), MAPS_ALL, arena, &value, &why);

    if (result == TABLE_ERROR)
        tell(rules->warn, why.text);
    if (result != TABLE_FOUND)
        return result == TABLE_ERROR ? -1 : 0;
    rest = value;
    if (str_is_nocase(str_word(&rest, " \t"), "IGNORE")) {
        tell(rules->note, arena_printf(arena, "ignoring DNS RR: %s", record));
        return 1;
    }
    tell(rules->warn,
         arena_printf(arena,
                      "%s: unknown action \"%.*s\" for DNS record \"%s\": only "
                      "IGNORE is known",
                      maps_param(rules->maps), STR_ARG(value), record));
    return -1;
}
