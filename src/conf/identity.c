/*
 * The names of this machine: whether they can be names at all, and the file
 * that may stand in for one.
 *
 * Other hosts see myhostname in greetings, HELO and Received, and mydomain in
 * addresses: no program works with such as they would refuse.
 */
#include "conf/identity.h"

#include "conf/state.h"
#include "mail/address.h"
#include "util/file.h"

#include <string.h>

static const char *const names[] = {"myhostname", "mydomain"};

int identity_check_value(const char *parameter, const char *value, struct fail *why)
{
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(parameter, names[i]) == 0 &&
            address_domain_check(str_of(value), why) < 0)
            return fail_prefix(why, "parameter %s: bad parameter value: %s", parameter,
                               value);
    return 0;
}

int identity_check_names(struct conf *conf, struct fail *why)
{
    const char *const values[] = {conf->myhostname, conf->mydomain};

    for (size_t i = 0; i < COUNT(names); i++) {
        if (identity_check_value(names[i], values[i], why) == 0)
            continue;
        if (state_setting(conf->state, str_of(names[i])))
            return state_locate(conf->state, names[i], why);
        return fail_prefix(why, "set myhostname in main.cf, as the name of this machine "
                                "is none");
    }
    return 0;
}

/* compat: as Debian has it in main.cf, "myorigin = /etc/mailname": the first line of that
 * file is meant. Macros have the setting as it is written. */
int identity_read_origin(struct conf *conf, struct fail *why)
{
    enum { NAME_FILE_MAX = 64 * 1024 };
    struct arena *arena = conf->state->arena;
    struct str text, name, rest;

    if (conf->myorigin == NULL || conf->myorigin[0] != '/')
        return 0;
    if (file_read(conf->myorigin, NAME_FILE_MAX, arena, &text, why) < 0)
        return fail_prefix(why, "parameter myorigin");
    rest = str_trim(str_until(&text, '\n'));
    name = str_word(&rest, ", \t");
    if (name.n == 0)
        return fail_set(why, "myorigin file %s is empty", conf->myorigin);
    if (rest.n > 0)
        return fail_set(why,
                        "myorigin file %s: the first line is more than one name: "
                        "\"%.*s%.*s\"",
                        conf->myorigin, STR_ARG(name), STR_ARG(rest));
    conf->myorigin = arena_copy_str(arena, name);
    return 0;
}
