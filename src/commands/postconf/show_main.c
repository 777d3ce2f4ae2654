/*
 * Showing main.cf: all parameters, those that it sets, or those asked for.
 */
#include "commands/postconf/postconf.h"
#include "conf/state.h"
#include "util/log.h"

#include <stdlib.h>
#include <string.h>

/* compat: a directory that -c or the environment chose counts as set. */
static bool is_directory_set(const struct run *run, const char *name)
{
    return strcmp(name, "config_directory") == 0 &&
           (run->command.directory || getenv("MAIL_CONFIG"));
}

static bool is_set(const struct run *run, const struct known *known)
{
    if (known->is_param && (known->param.flags & PARAM_READONLY))
        return false;
    return conf_is_set(run->command.conf, known->name) ||
           is_directory_set(run, known->name);
}

void fail_at_setting(const struct setting *setting, const struct fail *why)
{
    if (setting->path)
        fatal("%s, line %d: parameter %s: %s", setting->path, setting->line,
              setting->name, why->text);
    fatal("parameter %s: %s", setting->name, why->text);
}

static const char *text_of(const struct run *run, const struct known *known)
{
    struct conf_state *state = run->command.conf->state;
    const bool raw = known->is_param && (known->param.flags & PARAM_RAW);
    const struct setting *setting = state_setting(state, str_of(known->name));
    const char *text = NULL;
    struct fail why;
    int result = state_value(state, str_of(known->name), &text, &why);

    if (result == 0 && text && run->given['x'] && !raw)
        result = state_expand(state, text, &text, &why);
    if (result == 0)
        return text ? text : "";
    if (setting)
        fail_at_setting(setting, &why);
    fatal("parameter %s: %s", known->name, why.text);
}

static void show(const struct run *run, const struct known *known)
{
    const struct str name = str_of(known->name);

    if (run->given['n'] && !is_set(run, known))
        return;
    if (run->given[ORIGIN])
        print_origin(state_setting(run->command.conf->state, name),
                     is_directory_set(run, known->name)
                         ? run->command.directory ? "command line" : "environment"
                         : "default");
    print_value(run, "", known->name, run->given['H'] ? "" : text_of(run, known));
}

void show_main(struct run *run, char **names)
{
    const int classes = run->classes ? run->classes : CLASS_ALL;

    names_collect(run);
    for (size_t i = 0; !names[0] && i < run->names.n; i++)
        if (run->names.list[i]->class & classes)
            show(run, run->names.list[i]);
    for (; *names; names++) {
        const struct known *known = names_find(run, str_of(*names));

        if (known)
            show(run, known);
        else
            log_warning("%s: unknown parameter", *names);
    }
    use_warn(run);
}
