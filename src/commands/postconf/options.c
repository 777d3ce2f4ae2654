/*
 * The parameters that a service of master.cf sets for itself: "-o name=value",
 * also as one argument "-oname=value". Options end where getopt would end them.
 */
#include "commands/postconf/postconf.h"

#include <string.h>

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
