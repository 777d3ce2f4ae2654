/*
 * Showing master.cf: entries (-M), their fields (-F), and the parameters that
 * they set for themselves (-P).
 */
#include "commands/postconf/postconf.h"
#include "conf/state.h"
#include "util/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUT_MAX = 16 * 1024 * 1024 };

/* --- -M --- */

static void show_entry(const struct run *run, const struct master_service *service)
{
    struct buf out;

    buf_init(&out, OUTPUT_MAX);
    add_service(&out, service, run->given['f']);
    if (run->given['j'])
        print_pair(arena_printf(run->command.arena, "%s/%s", service->name,
                                master_type_text(service->type)),
                   buf_str(&out));
    else
        puts(buf_text(&out));
    buf_done(&out);
}

/* --- -F --- */

static const char *prefix_of(const struct run *run, const struct master_service *service)
{
    return arena_printf(run->command.arena, "%s/%s/", service->name,
                        master_type_text(service->type));
}

/* A command keeps its line breaks of -f, so it does not go through print_value. */
static void show_command(const struct run *run, const struct master_service *service,
                         const char *prefix)
{
    const char *name = master_field_text(MASTER_FIELDS);
    struct buf out;

    buf_init(&out, OUTPUT_MAX);
    if (!run->given['h'] && !run->given['j'])
        buf_printf(&out, "%s%s%s", prefix, name, run->given['H'] ? "" : " = ");
    if (!run->given['H'])
        add_command(&out, service, run->given['f']);
    if (run->given['j'])
        print_pair(arena_printf(run->command.arena, "%s%s", prefix, name), buf_str(&out));
    else
        puts(buf_text(&out));
    buf_done(&out);
}

static void show_fields(const struct run *run, const struct master_service *service,
                        const struct pattern *pattern)
{
    const char *prefix = prefix_of(run, service);

    for (int i = 0; i <= MASTER_FIELDS; i++) {
        const char *name = master_field_text(i);

        if (pattern->n > 2 && !pattern_part_matches(pattern->part[2], name))
            continue;
        if (i < MASTER_FIELDS)
            print_value(run, prefix, name, service->as_written[i]);
        else
            show_command(run, service, prefix);
    }
}

/* --- -P --- */

static void show_parameter(const struct run *run, const struct master_service *service,
                           const struct setting *item)
{
    const struct known *known = names_find(run, str_of(item->name));
    const bool raw = known && known->is_param && (known->param.flags & PARAM_RAW);
    const char *value = item->value;
    struct fail why;

    if (run->given['x'] && !raw && service_expand(run, service, value, &value, &why) < 0)
        fatal("%s, line %d: -o %s: %s", run->master_path, service->line, item->name,
              why.text);
    print_value(run, prefix_of(run, service), item->name, value);
}

static int by_name(const void *a, const void *b)
{
    const struct setting *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* The parameters of a service in the order of names, each once. */
static struct settings parameters_of(const struct run *run,
                                     const struct master_service *service)
{
    struct arena *arena = run->command.arena;
    struct settings found = {
        .items = arena_array(arena, service->args.n, sizeof(*found.items))};
    struct str name, value;
    size_t at = 0, kept = 0;

    while (service_option(service, &at, &name, &value)) {
        (void)service_find_option(service, name, &value);
        found.items[found.n++] = (struct setting){.name = arena_copy_str(arena, name),
                                                  .value = arena_copy_str(arena, value)};
    }
    qsort(found.items, found.n, sizeof(found.items[0]), by_name);
    for (size_t i = 0; i < found.n; i++)
        if (i == 0 || strcmp(found.items[i].name, found.items[i - 1].name) != 0)
            found.items[kept++] = found.items[i];
    found.n = kept;
    return found;
}

static bool is_asked(const struct pattern *pattern, const char *name)
{
    return pattern->n < 3 || pattern_part_matches(pattern->part[2], name);
}

/* True when there is a parameter that pattern asks for. */
static bool show_parameters(const struct run *run, const struct master_service *service,
                            const struct pattern *pattern)
{
    struct settings parameters = parameters_of(run, service);
    bool any = false;

    for (size_t i = 0; i < parameters.n; i++)
        if (is_asked(pattern, parameters.items[i].name)) {
            show_parameter(run, service, &parameters.items[i]);
            any = true;
        }
    return any;
}

/* Does the program of this service read the parameter? Of a name that is asked for by
 * itself that does not matter. */
static bool is_of_service(const struct master_service *service, const struct known *known,
                          const struct pattern *pattern)
{
    if (pattern->n == 3 && str_is(pattern->part[2], known->name))
        return true;
    return known->is_param &&
           param_is_used_by(known->name, params_program(service->command));
}

/* -PP: what main.cf or the default gives the service counts as well. */
static bool show_all_parameters(const struct run *run,
                                const struct master_service *service,
                                const struct pattern *pattern)
{
    struct conf_state *state = run->command.conf->state;
    bool any = pattern->n < 3;

    for (size_t i = 0; i < run->names.n; i++) {
        const struct known *known = run->names.list[i];
        struct setting item = {.name = known->name};
        struct fail why;
        struct str value;

        if (!is_asked(pattern, item.name))
            continue;
        if (service_find_option(service, str_of(item.name), &value))
            item.value = arena_copy_str(run->command.arena, value);
        else if (!is_of_service(service, known, pattern))
            continue;
        else if (state_value(state, str_of(item.name), &item.value, &why) < 0)
            fatal("parameter %s: %s", item.name, why.text);
        item.value = item.value ? item.value : "";
        show_parameter(run, service, &item);
        any = true;
    }
    return any;
}

/* --- the whole --- */

static bool show_service(const struct run *run, const struct master_service *service,
                         const struct pattern *pattern)
{
    switch (run->mode) {
    case 'M':
        show_entry(run, service);
        return true;
    case 'F':
        show_fields(run, service, pattern);
        return true;
    default:
        return run->all_parameters ? show_all_parameters(run, service, pattern)
                                   : show_parameters(run, service, pattern);
    }
}

static void parse(const struct run *run, const char *text, struct pattern *ret)
{
    bool known = false;

    if (!pattern_parse(text, ret) || ret->part[0].n == 0 ||
        (run->mode == 'M' && ret->n > 2))
        fatal("-%c option requires service_name[/type%s]", run->mode,
              run->mode == 'M'   ? ""
              : run->mode == 'F' ? "[/field]"
                                 : "[/parameter]");
    for (int i = 0; i <= MASTER_FIELDS && run->mode == 'F' && ret->n > 2; i++)
        known |= pattern_part_matches(ret->part[2], master_field_text(i));
    if (run->mode == 'F' && ret->n > 2 && !known)
        fatal("invalid service attribute name: \"%.*s\"", STR_ARG(ret->part[2]));
}

static void show_matching(const struct run *run, const char *text)
{
    struct pattern pattern;
    bool matched = false;

    parse(run, text, &pattern);
    for (size_t i = 0; i < run->master.n; i++)
        if (pattern_matches(&pattern, &run->master.services[i]))
            matched |= show_service(run, &run->master.services[i], &pattern);
    if (!matched)
        log_warning("unmatched request: \"%s\"", text);
}

void show_master(struct run *run, char **patterns)
{
    names_collect(run);
    for (size_t i = 0; !patterns[0] && i < run->master.n; i++)
        show_service(run, &run->master.services[i], &(struct pattern){0});
    for (; *patterns; patterns++)
        show_matching(run, *patterns);
    use_warn(run);
}
