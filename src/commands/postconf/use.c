/*
 * Who uses the settings of main.cf and master.cf.
 *
 * A name that is no parameter of ours is one of the user's when a value refers
 * to it: by $name, as a restriction class, or as the source of a table such as
 * ldap:name. What is left over is probably misspelled. compat: it does not
 * matter whether the value that refers is used itself.
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

static void warn_undefined(struct follow *follow, struct str name)
{
    if (!follow->run->given['q'] && !map_set(follow->warned, name, follow))
        log_warning("%s: undefined parameter: %.*s", follow->path, STR_ARG(name));
}

/* name is referred to: when it is none of ours, then as the user has defined it. */
static void use(struct follow *follow, struct str name)
{
    struct run *run = follow->run;
    struct str value;

    map_set(run->names.referred, name, run);
    if (names_find(run, name))
        return;
    if (state_setting(run->command.conf->state, name))
        names_add(run, name, CLASS_USER, NULL);
    else if (!follow->service || !service_find_option(follow->service, name, &value))
        warn_undefined(follow, name);
}

static int use_reference(void *context, struct str name, const char **ret,
                         struct fail *why)
{
    (void)why;
    *ret = NULL;
    use(context, name);
    return 0;
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

/* value with its names replaced; as it is when that cannot be, which show_main tells. */
static const char *expanded(const struct follow *follow, const char *value)
{
    const char *text;

    return service_expand(follow->run, follow->service, value, &text, NULL) < 0 ? value
                                                                                : text;
}

/* Each word of smtpd_restriction_classes is a parameter that holds restrictions. */
static void follow_classes(struct follow *follow, const char *value)
{
    struct str rest = str_of(expanded(follow, value)), word;

    while ((word = str_word(&rest, SEPARATORS)).n > 0)
        use(follow, word);
}

/* The settings of tables: in files, or in main.cf or -o such as acc_server_host. */
static void follow_tables(struct follow *follow, const char *value)
{
    const struct settings *settings = &follow->run->command.conf->state->file;
    struct str name, unused;
    size_t at = 0;

    if (strpbrk(value, ":$") == NULL)
        return;
    value = expanded(follow, value);
    source_check_files(follow->run, value);
    for (size_t i = 0; i < settings->n; i++)
        if (source_uses(value, str_of(settings->items[i].name)))
            use(follow, str_of(settings->items[i].name));
    while (follow->service && service_option(follow->service, &at, &name, &unused))
        if (source_uses(value, name))
            use(follow, name);
}

static int follow_setting(struct follow *follow, const char *name, const char *value,
                          struct fail *why)
{
    const struct known *known = names_find(follow->run, str_of(name));
    const bool is_param = known && known->is_param;

    if (is_param && (known->param.flags & PARAM_RAW))
        return 0;
    if (strcmp(name, "smtpd_restriction_classes") == 0)
        follow_classes(follow, value);
    if (is_param)
        follow_tables(follow, value);
    return follow_value(follow, value, why);
}

static void follow_settings(struct run *run, const struct settings *settings)
{
    struct follow follow = {.run = run, .path = run->main_path, .warned = map_new()};
    struct fail why;

    for (size_t i = 0; i < settings->n; i++) {
        const struct setting *item = &settings->items[i];

        if (follow_setting(&follow, item->name, item->value, &why) < 0)
            fail_at_setting(item, &why);
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

/* compat: a "#" inside a line begins no comment, which many a file relies on. */
static bool has_comment(const char *value)
{
    struct str rest = str_of(value), word;

    while ((word = str_word(&rest, " \t")).n > 0)
        if (word.p[0] == '#')
            return true;
    return false;
}

static void warn_obsolete(const char *path, const char *name)
{
    const char *instead = param_instead_of(name);

    if (instead && *instead)
        log_warning("%s: support for parameter \"%s\" will be removed; instead, "
                    "specify \"%s\"",
                    path, name, instead);
    else if (instead)
        log_warning("%s: support for parameter \"%s\" will be removed; instead, do not "
                    "specify it",
                    path, name);
}

static void warn_setting(const struct run *run, const struct setting *item)
{
    const struct known *known = names_find(run, str_of(item->name));
    const char *path = item->path ? item->path : run->main_path;

    if (known && known->is_param && (known->param.flags & PARAM_READONLY))
        log_warning("%s: read-only parameter assignment: %s=%s", path, item->name,
                    item->value);
    if (run->mode != 'p')
        return;
    if (known == NULL)
        log_warning("%s: unused parameter: %s=%s", path, item->name, item->value);
    warn_obsolete(path, item->name);
    if (item->line > 0 && has_comment(item->value))
        log_warning("%s, line %d: \"#\" after other text does not begin a comment: %s=%s",
                    path, item->line, item->name, item->value);
}

static void warn_settings(const struct run *run, const struct settings *settings)
{
    for (size_t i = 0; i < settings->n; i++)
        warn_setting(run, &settings->items[i]);
}

static void warn_service(const struct run *run, const struct master_service *service)
{
    struct str name, value, last;
    size_t at = 0;

    while (service_option(service, &at, &name, &value)) {
        if (!service_find_option(service, name, &last) || last.p != value.p)
            continue; /* set again later */
        if (!names_find(run, name) && !map_get(run->names.referred, name))
            log_warning("%s: unused parameter: %.*s=%.*s", run->master_path,
                        STR_ARG(name), STR_ARG(value));
        warn_obsolete(run->master_path, arena_copy_str(run->command.arena, name));
    }
    for (size_t i = 0; i < service->args.n; i++)
        if (service->args.items[i][0] == '#')
            log_warning("%s, line %d: \"#\" after other text does not begin a comment: "
                        "%s",
                        run->master_path, service->line, service->command_as_written);
}

void use_warn(const struct run *run)
{
    if (run->given['q'] || run->given['d'])
        return;
    fflush(stdout); /* on a terminal the warnings come last */
    warn_settings(run, &run->command.conf->state->file);
    warn_settings(run, &run->command.conf->state->options);
    for (size_t i = 0; i < run->master.n; i++)
        warn_service(run, &run->master.services[i]);
}
