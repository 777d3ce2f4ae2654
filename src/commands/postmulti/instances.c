/*
 * Which instances there are: from the primary's multi_instance_directories, in that
 * order. What each is called stands in its own main.cf.
 */
#include "commands/postmulti/postmulti.h"

#include "util/log.h"

struct instance instance_read(struct multi *multi, const char *directory, bool primary)
{
    struct arena *arena = multi->command.arena;
    struct instance instance = {.directory = arena_copy(arena, directory),
                                .primary = primary};
    struct fail why;
    struct conf *conf = conf_load(
        &(struct conf_options){.program = "postmulti", .directory = directory}, &why);

    if (conf == NULL)
        fatal("%s", why.text);
    instance.name = arena_copy(arena, conf->multi_instance_name);
    instance.group = arena_copy(arena, conf->multi_instance_group);
    instance.queue = arena_copy(arena, conf->queue_directory);
    instance.data = arena_copy(arena, conf->data_directory);
    instance.enabled = conf->multi_instance_enable;
    conf_free(conf);
    return instance;
}

void instances_read(struct multi *multi)
{
    const struct conf *conf = multi->command.conf;
    struct texts directories = {0};

    texts_split(&directories, multi->command.arena,
                str_of(conf->multi_instance_directories), ", \t\r\n");
    multi->managed = *conf->multi_instance_wrapper || directories.n > 0;
    multi->instances =
        arena_array(multi->command.arena, directories.n + 1, sizeof(*multi->instances));
    multi->instances[0] = instance_read(multi, conf->config_directory, true);
    if (directories.n == 0) /* a mail system that knows of no others always counts */
        multi->instances[0].enabled = true;
    multi->n = directories.n + 1;
    for (size_t i = 0; i < directories.n; i++)
        multi->instances[i + 1] = instance_read(multi, directories.items[i], false);
}

bool instance_is(const struct instance *instance, const char *name)
{
    if (strcmp(name, "-") == 0)
        return instance->primary;
    return strcmp(name, *name == '/' ? instance->directory : instance->name) == 0;
}

const struct instance *instance_chosen(const struct multi *multi)
{
    for (size_t i = 0; i < multi->n; i++)
        if (instance_is(&multi->instances[i], multi->instance))
            return &multi->instances[i];
    fatal("No instance named %s", multi->instance);
}
