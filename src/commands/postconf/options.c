/*
 * The parameters that a service of master.cf sets for itself: "-o name=value",
 * also as one argument "-oname=value". Options end where getopt would end them.
 * They count before those of main.cf.
 */
#include "commands/postconf/postconf.h"
#include "conf/state.h"

#include <string.h>

enum { EXPANDED_MAX = 16 * 1024 * 1024 };

static bool split(struct str text, struct str *ret_name, struct str *ret_value)
{
    return setting_split(text, ret_name, ret_value, NULL) == 0;
}

bool service_option(const struct master_service *service, size_t *at,
                    struct str *ret_name, struct str *ret_value)
{
    const struct texts *args = &service->args;

    while (*at < args->n) {
        struct str argument = str_of(args->items[*at]);

        if (!str_starts(argument, "-"))
            break;
        ++*at;
        if (!str_starts(argument, "-o"))
            continue;
        argument = str_tail(argument, 2);
        if (argument.n == 0 && *at < args->n)
            argument = str_of(args->items[(*at)++]);
        if (split(argument, ret_name, ret_value))
            return true;
    }
    return false;
}

bool service_find_option(const struct master_service *service, struct str name,
                         struct str *ret_value)
{
    struct str other, value;
    bool found = false;
    size_t at = 0;

    while (service_option(service, &at, &other, &value))
        if (str_eq(other, name)) {
            *ret_value = value; /* the last one wins */
            found = true;
        }
    return found;
}

struct context {
    const struct run *run;
    const struct master_service *service;
};

static int value_in_service(void *data, struct str name, const char **ret,
                            struct fail *why)
{
    const struct context *context = data;
    struct conf_state *state = context->run->command.conf->state;
    struct str value;

    if (service_find_option(context->service, name, &value))
        *ret = arena_copy_str(state->arena, value);
    else if (str_is(name, "service_name"))
        *ret = context->service->name;
    else if (str_is(name, "process_name"))
        *ret = context->service->command;
    else
        return state_value(state, name, ret, why);
    return 0;
}

int service_expand(const struct run *run, const struct master_service *service,
                   const char *value, const char **ret, struct fail *why)
{
    struct context context = {.run = run, .service = service};
    struct macro_source source = {.value = value_in_service, .context = &context};
    struct buf out;
    int result;

    if (service == NULL)
        return state_expand(run->command.conf->state, value, ret, why);
    buf_init(&out, EXPANDED_MAX);
    result = macro_expand(value, &source, &out, why);
    if (result == 0)
        *ret = arena_copy_str(run->command.arena, buf_str(&out));
    buf_done(&out);
    return result;
}
