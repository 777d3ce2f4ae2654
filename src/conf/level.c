/*
 * Defaults that changed with compatibility_level: the level at which one changed
 * stands in the default itself, "${{$compatibility_level} <level {2} ? {old} : {new}}",
 * and is read from there.
 */
#include "conf/params.h"
#include "conf/state.h"

#include "util/str.h"

static const char change[] = "${{$compatibility_level} <level {";

bool conf_level_below(const struct conf *conf, const char *level)
{
    int order;

    return macro_compare_levels(str_of(conf->compatibility_level), str_of(level), &order,
                                NULL) < 0 ||
           order < 0;
}

bool conf_has_old_default(const struct conf *conf, const char *name)
{
    struct param param;
    struct str level;

    if (conf_is_set(conf, name) || !param_find(str_of(name), &param) || !param.text ||
        !str_starts(str_of(param.text), change))
        return false;
    level = str_of(param.text + sizeof(change) - 1);
    level = str_head(level, str_find(level, '}'));
    return conf_level_below(conf, arena_copy_str(conf->state->arena, level));
}
