/*
 * One thing done for each instance, or for those of a group, or for one: list them, run
 * postfix(1), run any command.
 */
#include "commands/json.h"
#include "commands/postmulti/postmulti.h"

#include "commands/run.h"
#include "util/log.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_chosen(const struct multi *multi, const struct instance *instance)
{
    if (multi->instance && !instance_is(instance, multi->instance))
        return false;
    return multi->group == NULL || strcmp(instance->group, multi->group) == 0;
}

/* Call visit for each chosen instance; the last exit status that was not 0. */
static int each(struct multi *multi, bool reverse,
                int (*visit)(struct multi *multi, const struct instance *instance))
{
    int status = 0;
    size_t chosen = 0;

    for (size_t i = 0; i < multi->n; i++) {
        const struct instance *instance =
            &multi->instances[reverse ? multi->n - 1 - i : i];
        int result;

        if (!is_chosen(multi, instance))
            continue;
        chosen++;
        if ((result = visit(multi, instance)) != 0)
            status = result;
    }
    if (chosen == 0 && multi->mode != 'l')
        fatal("No matching instances");
    return status;
}

/* --- -l
 * ---------------------------------------------------------------------------------
 */

static const char *or_dash(const char *text)
{
    return *text ? text : "-";
}

static int list(struct multi *multi, const struct instance *instance)
{
    const struct {
        const char *key, *value;
    } items[] = {{"name", or_dash(instance->name)},
                 {"group", or_dash(instance->group)},
                 {"enabled", instance->enabled ? "y" : "n"},
                 {"config_directory", instance->directory}};

    if (!multi->json) {
        printf("%-15s %-15s %-9s %s\n", items[0].value, items[1].value, items[2].value,
               items[3].value);
        return 0;
    }
    for (size_t i = 0; i < COUNT(items); i++) {
        printf("%s\"%s\": ", i ? ", " : "{", items[i].key);
        json_put_text(stdout, str_of(items[i].value));
    }
    printf("}\n");
    return 0;
}

int iterate_list(struct multi *multi)
{
    int status = each(multi, multi->reverse, list);

    if (!command_output_is_whole())
        fatal("write standard output: %m");
    return status;
}

/* --- commands ------------------------------------------------------------------------
 */

static void set_environment(const struct multi *multi, const struct instance *instance)
{
    const struct conf *conf = multi->command.conf;

    setenv("MAIL_CONFIG", instance->directory, 1);
    setenv("config_directory", instance->directory, 1);
    setenv("command_directory", conf->command_directory, 1);
    setenv("daemon_directory", conf->daemon_directory, 1);
    setenv("queue_directory", instance->queue, 1);
    setenv("data_directory", instance->data, 1);
    setenv("multi_instance_name", instance->name, 1);
    setenv("multi_instance_group", instance->group, 1);
    setenv("multi_instance_enable", instance->enabled ? "yes" : "no", 1);
}

static int run_for(struct multi *multi, const struct instance *instance)
{
    set_environment(multi, instance);
    return run_command((const char *const *)multi->arguments);
}

int iterate_command(struct multi *multi)
{
    return each(multi, multi->reverse, run_for);
}

/* --- -p --------------------------------------------------------------------------------
 */

static bool is_one_of(const char *word, const char *list)
{
    struct str rest = str_of(list), item;

    while ((item = str_word(&rest, ", \t\r\n")).n > 0)
        if (str_is(item, word))
            return true;
    return false;
}

/* A disabled instance is only looked at when others are started, and left alone when they
 * are stopped or told something. */
static int postfix_for(struct multi *multi, const struct instance *instance)
{
    const struct conf *conf = multi->command.conf;
    const char *word = multi->arguments[0];
    struct texts argv = {0};
    struct arena *arena = multi->command.arena;
    bool start = is_one_of(word, conf->postmulti_start_commands);

    if (!instance->enabled && !start &&
        (is_one_of(word, conf->postmulti_stop_commands) ||
         is_one_of(word, conf->postmulti_control_commands)))
        return 0;
    texts_add(&argv, arena, arena_printf(arena, "%s/postfix", conf->command_directory));
    texts_add(&argv, arena, "-c");
    texts_add(&argv, arena, instance->directory);
    if (start && !instance->enabled)
        texts_add(&argv, arena, "check");
    else
        for (size_t i = 0; multi->arguments[i]; i++)
            texts_add(&argv, arena, multi->arguments[i]);
    set_environment(multi, instance);
    return run_command(argv.items);
}

int iterate_postfix(struct multi *multi)
{
    return each(
        multi,
        is_one_of(multi->arguments[0], multi->command.conf->postmulti_stop_commands),
        postfix_for);
}
