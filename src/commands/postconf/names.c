/*
 * Which names are parameters: those of the catalogue, those that a service of
 * master.cf makes ("relay_destination_rate_delay"), and those that the user
 * has defined and something refers to (use.c).
 */
#include "commands/postconf/postconf.h"

#include <stdlib.h>
#include <string.h>

/* Programs whose services the queue manager hands mail to, by parameters of their own. */
static const char *const agents[] = {"error", "lmtp", "local", "pipe", "smtp", "virtual"};

struct known *names_find(const struct run *run, struct str name)
{
    return map_get(run->names.map, name);
}

struct known *names_add(struct run *run, struct str name, int class,
                        const struct param *param)
{
    struct arena *arena = run->command.arena;
    struct known *known = names_find(run, name);

    if (known)
        return known;
    known = ARENA_NEW(arena, struct known);
    known->name = arena_copy_str(arena, name);
    known->class = class;
    known->is_param = param != NULL;
    if (param)
        known->param = *param;
    map_set(run->names.map, name, known);
    return known;
}

/* --- of the catalogue and of services --------------------------------------- */

static bool is_agent(const char *program)
{
    for (size_t i = 0; i < COUNT(agents); i++)
        if (strcmp(agents[i], program) == 0)
            return true;
    return false;
}

/* A family of the queue manager's is for the agents; others are for their program. */
static bool has_family(const char *program, size_t i)
{
    if (param_is_used(i, params_program("qmgr")))
        return is_agent(program);
    return param_is_used(i, params_program(program));
}

static void add_family(struct run *run, const struct param *param, size_t i)
{
    struct str suffix = str_tail(str_of(param->name), strlen("<service>"));

    for (size_t s = 0; s < run->master.n; s++) {
        const struct master_service *service = &run->master.services[s];
        const char *name;

        if (!has_family(service->command, i))
            continue;
        name = arena_printf(run->command.arena, "%s%.*s", service->name, STR_ARG(suffix));
        /* One that the catalogue has as well keeps its default there. */
        names_add(run, str_of(name), CLASS_SERVICE, param)->class = CLASS_SERVICE;
    }
}

static void add_catalogue(struct run *run)
{
    for (size_t i = 0; i < params_count(); i++) {
        struct param param = param_at(i);

        if (!(param.flags & (PARAM_REMOVED | PARAM_FAMILY)))
            names_add(run, str_of(param.name), CLASS_BUILTIN, &param);
    }
    for (size_t i = 0; i < params_count(); i++) {
        struct param param = param_at(i);

        if (param.flags & PARAM_FAMILY)
            add_family(run, &param, i);
    }
}

/* --- the whole ---------------------------------------------------------------- */

static void collect_one(void *context, struct str key, void *value)
{
    struct names *names = context;

    (void)key;
    names->list[names->n++] = value;
}

static int by_name(const void *a, const void *b)
{
    const struct known *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

void names_collect(struct run *run)
{
    struct names *names = &run->names;

    names->map = map_new();
    names->referred = map_new();
    add_catalogue(run);
    use_follow(run);
    names->list =
        arena_array(run->command.arena, map_count(names->map), sizeof(*names->list));
    map_each(names->map, collect_one, names);
    qsort(names->list, names->n, sizeof(names->list[0]), by_name);
}
