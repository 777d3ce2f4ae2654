/*
 * Who uses the settings of main.cf and master.cf.
 *
 * A name that is no parameter of ours is one of the user's when a value that
 * counts refers to it: by $name, as a restriction class, or as the source of a
 * table such as ldap:name. Its own value then counts, too. What is left over
 * is probably misspelled.
 */
#include "commands/postconf/postconf.h"
#include "conf/state.h"
#include "util/log.h"

#include <stdio.h>
#include <string.h>

enum { EXPANDED_MAX = 4 * 1024 * 1024 };

#define SEPARATORS ", \t\r\n"

/* Following the references from one file. */
struct follow {
    struct run *run;
    const char *path;
    const struct master_service *service; /* whose options are looked at, or NULL */
    struct map *warned;
};

static int follow_value(struct follow *follow, const char *value, struct fail *why);

static void warn_undefined(struct follow *follow, struct str name)
{
    if (!follow->run->given['q'] && !map_set(follow->warned, name, follow))
        log_warning("%s: undefined parameter: %.*s", follow->path, STR_ARG(name));
}

/* name is referred to: when it is none of ours, then as the user has defined it. */
static int use(struct follow *follow, struct str name, struct fail *why)
{
    struct run *run = follow->run;
    const struct setting *setting = state_setting(run->command.conf->state, name);
    struct str value;

    map_set(run->names.referred, name, run);
    if (names_find(run, name))
        return 0;
    if (setting) {
        names_add(run, name, CLASS_USER, NULL);
        return follow_value(follow, setting->value, why);
    }
    /* The options of a service are followed anyway. */
    if (!follow->service || !service_find_option(follow->service, name, &value))
        warn_undefined(follow, name);
    return 0;
}

static int use_reference(void *context, struct str name, const char **ret,
                         struct fail *why)
{
    *ret = NULL;
    return use(context, name, why);
}

static int follow_value(struct follow *follow, const char *value, struct fail *why)
{
    struct macro_source source = {
        .value = use_reference, .context = follow, .names_only = true};
    struct buf ignored;
    int result;

    buf_init(&ignored, EXPANDED_MAX);
    result = macro_expand(value, &source, &ignored, why);
    buf_done(&ignored);
    return result;
}

/* Each word of smtpd_restriction_classes is a parameter that holds restrictions. */
static int follow_classes(struct follow *follow, const char *value, struct fail *why)
{
    struct str rest = str_of(value), word;

    while ((word = str_word(&rest, SEPARATORS)).n > 0)
        if (use(follow, word, why) < 0)
            return -1;
    return 0;
}

/* The settings of tables in value: in files, or in main.cf such as acc_server_host. */
static int follow_tables(struct follow *follow, const char *value, struct fail *why)
{
    const struct settings *settings = &follow->run->command.conf->state->file;

    if (strchr(value, ':') == NULL)
        return 0;
    source_check_files(follow->run, value);
    for (size_t i = 0; i < settings->n; i++)
        if (source_uses(value, str_of(settings->items[i].name)) &&
            use(follow, str_of(settings->items[i].name), why) < 0)
            return -1;
    return 0;
}

static int follow_setting(struct follow *follow, const char *name, const char *value,
                          struct fail *why)
{
    const struct known *known = names_find(follow->run, str_of(name));

    if (known && known->is_param && (known->param.flags & PARAM_RAW))
        return 0;
    if (strcmp(name, "smtpd_restriction_classes") == 0 &&
        follow_classes(follow, value, why) < 0)
        return -1;
    if (follow_tables(follow, value, why) < 0)
        return -1;
    return follow_value(follow, value, why);
}

static void follow_settings(struct run *run, const struct settings *settings)
{
    struct follow follow = {.run = run, .path = run->main_path, .warned = map_new()};
    struct fail why;

    for (size_t i = 0; i < settings->n; i++) {
        const struct setting *item = &settings->items[i];
        const struct known *known = names_find(run, str_of(item->name));

        /* The user's own are followed when something refers to them. */
        if (known && known->is_param &&
            follow_setting(&follow, item->name, item->value, &why) < 0)
            fatal("%s, line %d: parameter %s: %s", run->main_path, item->line, item->name,
                  why.text);
    }
    map_free(follow.warned, NULL);
}

static void follow_service(struct follow *follow)
{
    struct arena *arena = follow->run->command.arena;
    struct str name, value;
    struct fail why;
    size_t at = 0;

    while (service_option(follow->service, &at, &name, &value))
        if (follow_setting(follow, arena_copy_str(arena, name),
                           arena_copy_str(arena, value), &why) < 0)
            fatal("%s, line %d: -o %.*s: %s", follow->path, follow->service->line,
                  STR_ARG(name), why.text);
}

void use_follow(struct run *run)
{
    const struct conf_state *state = run->command.conf->state;
    struct follow follow = {.run = run, .path = run->master_path, .warned = map_new()};

    follow_settings(run, &state->file);
    follow_settings(run, &state->options);
    for (size_t i = 0; i < run->master.n && !run->given['d']; i++) {
        follow.service = &run->master.services[i];
        follow_service(&follow);
    }
    map_free(follow.warned, NULL);
}

/* --- what is left over --------------------------------------------------------- */

static void warn_settings(const struct run *run, const struct settings *settings)
{
    for (size_t i = 0; i < settings->n; i++) {
        const struct setting *item = &settings->items[i];
        const struct known *known = names_find(run, str_of(item->name));

        if (known == NULL)
            log_warning("%s: unused parameter: %s=%s", run->main_path, item->name,
                        item->value);
        else if (known->is_param && (known->param.flags & PARAM_READONLY))
            log_warning("%s: read-only parameter assignment: %s=%s", run->main_path,
                        item->name, item->value);
    }
}

static void warn_service(const struct run *run, const struct master_service *service)
{
    struct str name, value;
    size_t at = 0;

    while (service_option(service, &at, &name, &value))
        if (!names_find(run, name) && !map_get(run->names.referred, name))
            log_warning("%s: unused parameter: %.*s=%.*s", run->master_path,
                        STR_ARG(name), STR_ARG(value));
}

void use_warn(const struct run *run)
{
    if (run->given['q'] || run->given['d'])
        return;
    fflush(stdout); /* on a terminal the warnings come last */
    if (run->mode == 'p') {
        warn_settings(run, &run->command.conf->state->file);
        warn_settings(run, &run->command.conf->state->options);
    }
    for (size_t i = 0; i < run->master.n; i++)
        warn_service(run, &run->master.services[i]);
}
