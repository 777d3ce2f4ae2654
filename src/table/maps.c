/* Searching a list of tables. */
#include "table/maps.h"

#include "table/registry.h"
#include "table/words.h"
#include "util/list.h"

struct maps {
    const char *param;
    struct table **tables;
    size_t n;
};

struct maps *maps_open(struct tables *tables, const char *param, const char *value,
                       unsigned flags)
{
    struct arena *arena = tables_arena(tables);
    struct maps *maps = ARENA_NEW(arena, struct maps);
    struct texts names = {0};
    struct str rest = str_of(value), word;

    maps->param = arena_copy(arena, param);
    while ((word = table_word(&rest)).n > 0)
        texts_add(&names, arena, arena_copy_str(arena, word));
    maps->tables = arena_array(arena, names.n, sizeof(struct table *));
    for (; maps->n < names.n; maps->n++)
        maps->tables[maps->n] = table_open(tables, names.items[maps->n], flags);
    return maps;
}

bool maps_empty(const struct maps *maps)
{
    return !maps || maps->n == 0;
}
const char *maps_param(const struct maps *maps)
{
    return maps->param;
}

enum table_result maps_lookup_from(const struct maps *maps, struct str key,
                                   enum maps_which which, struct arena *arena,
                                   struct maps_answer *ret, struct fail *why)
{
    for (size_t i = 0; maps && i < maps->n; i++) {
        struct table *table = maps->tables[i];
        enum table_result result;
        struct str value;

        if (which == MAPS_FIXED && !table_is_fixed(table))
            continue;
        result = table_lookup(table, key, arena, &value, why);
        if (result == TABLE_NOT_FOUND)
            continue;
        if (result == TABLE_ERROR)
            return TABLE_ERROR;
        if (value.n == 0)
            return fail_set(why,
                            "table %s: key %.*s: empty string result is not allowed; it "
                            "should return no result in case of not found",
                            table_name(table), STR_ARG(key));
        *ret = (struct maps_answer){.value = value, .table = table};
        return TABLE_FOUND;
    }
    return TABLE_NOT_FOUND;
}

enum table_result maps_lookup(const struct maps *maps, struct str key,
                              enum maps_which which, struct arena *arena,
                              struct str *ret_value, struct fail *why)
{
    struct maps_answer answer;
    enum table_result result = maps_lookup_from(maps, key, which, arena, &answer, why);

    if (result == TABLE_FOUND && ret_value)
        *ret_value = answer.value;
    return result;
}

enum table_result maps_lookup_parents(const struct maps *maps, struct str name,
                                      struct arena *arena, struct str *ret_value,
                                      struct fail *why)
{
    enum table_result result = maps_lookup(maps, name, MAPS_ALL, arena, ret_value, why);

    while (result == TABLE_NOT_FOUND) {
        size_t dot = str_find(str_tail(name, 1), '.');

        if (dot + 1 >= name.n)
            break;
        name = str_tail(name, dot + 1);
        result = maps_lookup(maps, name, MAPS_FIXED, arena, ret_value, why);
    }
    return result;
}
