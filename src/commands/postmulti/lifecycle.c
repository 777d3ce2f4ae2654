/*
 * Instances come and go: -e. main.cf files are changed by postconf(1), which keeps what
 * the administrator has written there.
 */
#include "commands/postmulti/postmulti.h"

#include "commands/run.h"
#include "util/file.h"
#include "util/log.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { PROTOTYPE_MAX = 1 << 24 };

/* --- small things --------------------------------------------------------------------
 */

/* NULL at the end of what to run in command_directory; ends the program on failure. */
static void run_here(struct multi *multi, const char *program, const struct texts *words)
{
    struct arena *arena = multi->command.arena;
    struct texts argv = {0};

    texts_add(
        &argv, arena,
        arena_printf(arena, "%s/%s", multi->command.conf->command_directory, program));
    for (size_t i = 0; i < words->n; i++)
        texts_add(&argv, arena, words->items[i]);
    if (run_command(argv.items) != 0)
        fatal("%s failed", argv.items[0]);
}

/* Set parameters in directory/main.cf. */
static void edit(struct multi *multi, const char *directory, const struct texts *settings)
{
    struct arena *arena = multi->command.arena;
    struct texts words = {0};

    texts_add(&words, arena, "-c");
    texts_add(&words, arena, directory);
    texts_add(&words, arena, "-e");
    for (size_t i = 0; i < settings->n; i++)
        texts_add(&words, arena, settings->items[i]);
    if (settings->n)
        run_here(multi, "postconf", &words);
}

static void edit_one(struct multi *multi, const char *directory, const char *setting)
{
    struct texts settings = {0};

    texts_add(&settings, multi->command.arena, setting);
    edit(multi, directory, &settings);
}

/* Where a new instance goes in the list: -a, -g and -i. */
static size_t new_position(const struct multi *multi)
{
    if (multi->all)
        return 1;
    if (!multi->group && !multi->instance)
        return multi->n;
    for (size_t i = 1; i < multi->n; i++) {
        const struct instance *other = &multi->instances[i];

        if ((!multi->group || strcmp(other->group, multi->group) == 0) &&
            (!multi->instance || instance_is(other, multi->instance)))
            return i;
    }
    fatal("No matching secondary instances");
}

/* Write the list of the others, with added at position, or without dropped. */
static void write_list(struct multi *multi, size_t position, const char *added,
                       const char *dropped)
{
    struct arena *arena = multi->command.arena;
    const char *list = "multi_instance_directories =";

    for (size_t i = 1; i <= multi->n; i++) {
        if (added && i == position)
            list = arena_printf(arena, "%s %s", list, added);
        if (i < multi->n &&
            (!dropped || strcmp(dropped, multi->instances[i].directory) != 0))
            list = arena_printf(arena, "%s %s", list, multi->instances[i].directory);
    }
    edit_one(multi, multi->instances[0].directory, list);
}

/* "-" takes a name away. */
static const char *given(const char *name)
{
    return strcmp(name, "-") == 0 ? "" : name;
}

static void check_new_name(const struct multi *multi)
{
    if (!multi->new_name || strcmp(multi->new_name, "-") == 0)
        return;
    if (strncmp(multi->new_name, "postfix-", strlen("postfix-")) != 0)
        fatal("New instance name must start with 'postfix-'");
    if (strchr(multi->new_name, '/'))
        fatal("Illegal '/' character in new instance name: '%s'", multi->new_name);
    for (size_t i = 0; i < multi->n; i++)
        if (strcmp(multi->instances[i].name, multi->new_name) == 0)
            fatal("Instance name '%s' is already taken", multi->new_name);
}

static void add_names(struct multi *multi, struct texts *settings)
{
    struct arena *arena = multi->command.arena;

    if (multi->new_group)
        texts_add(
            settings, arena,
            arena_printf(arena, "multi_instance_group = %s", given(multi->new_group)));
    if (multi->new_name)
        texts_add(
            settings, arena,
            arena_printf(arena, "multi_instance_name = %s", given(multi->new_name)));
}

/* --- where a new instance lives ------------------------------------------------------
 */

struct places {
    const char *config, *queue, *data;
};

/* "config_directory=/path" and so on; import knows only the first. */
static struct places places_given(const struct multi *multi)
{
    struct places places = {0};
    const struct {
        const char *name;
        const char **path;
        bool for_import;
    } known[] = {{"config_directory=", &places.config, true},
                 {"queue_directory=", &places.queue, false},
                 {"data_directory=", &places.data, false}};

    for (char **word = multi->arguments; *word; word++) {
        bool found = false;

        for (size_t i = 0; i < COUNT(known); i++)
            if (str_starts(str_of(*word), known[i].name) &&
                (known[i].for_import || strcmp(multi->action, "create") == 0)) {
                *known[i].path = *word + strlen(known[i].name);
                found = true;
            }
        if (!strchr(*word, '='))
            fatal("Invalid parameter setting: %s", *word);
        if (!found)
            fatal("Parameter '%.*s' not valid with action %s", (int)strcspn(*word, "="),
                  *word, multi->action);
    }
    return places;
}

/* The primary's path with the new name in place of its last part. */
static const char *place_beside(struct multi *multi, const char *what, const char *path)
{
    if (!multi->new_name || strcmp(multi->new_name, "-") == 0)
        fatal("Missing %s parameter value", what);
    return arena_printf(multi->command.arena, "%.*s/%s",
                        (int)str_find_last(str_of(path), '/'), path, multi->new_name);
}

static void fill_places(struct multi *multi, struct places *places, bool is_new)
{
    const struct instance *primary = &multi->instances[0];

    if (!places->config)
        places->config = place_beside(multi, "config_directory", primary->directory);
    if (is_new && !places->queue)
        places->queue = place_beside(multi, "queue_directory", primary->queue);
    if (is_new && !places->data)
        places->data = place_beside(multi, "data_directory", primary->data);
}

static void check_absolute(const struct places *places)
{
    const char *const paths[] = {places->config, places->queue, places->data};
    const char *const names[] = {"config_directory", "queue_directory", "data_directory"};

    for (size_t i = 0; i < COUNT(paths); i++)
        if (paths[i] && *paths[i] != '/')
            fatal("Parameter setting '%s' is not an absolute path", names[i]);
}

static void check_places(const struct multi *multi, const struct places *places)
{
    const char *const paths[] = {places->config, places->queue, places->data};

    for (size_t k = 0; k < COUNT(paths); k++)
        for (size_t i = 0; paths[k] && i < multi->n; i++) {
            const struct instance *other = &multi->instances[i];

            if (strcmp(paths[k], other->directory) == 0 ||
                strcmp(paths[k], other->queue) == 0 || strcmp(paths[k], other->data) == 0)
                fatal("%s belongs to instance %s", paths[k],
                      *other->name ? other->name : other->directory);
        }
}

static bool has_configuration(struct multi *multi, const char *directory)
{
    struct arena *arena = multi->command.arena;

    return access(arena_printf(arena, "%s/main.cf", directory), F_OK) == 0 &&
           access(arena_printf(arena, "%s/master.cf", directory), F_OK) == 0;
}

/* --- create, import -------------------------------------------------------------------
 */

static void copy_prototype(struct multi *multi, const char *name, const char *directory)
{
    struct arena *arena = multi->command.arena;
    const char *from =
        arena_printf(arena, "%s/%s.proto", multi->command.conf->meta_directory, name);
    struct fail why;
    struct str text;

    if (file_read(from, PROTOTYPE_MAX, arena, &text, &why) < 0)
        fatal("the prototype of %s: %s", name, why.text);
    if (file_replace(arena_printf(arena, "%s/%s", directory, name), text, 0644, &why) < 0)
        fatal("%s", why.text);
}

/* Where the files are that all instances share: as the primary one says, or where the
 * prototype says something else. */
static void add_shared_places(struct multi *multi, const char *directory,
                              struct texts *settings)
{
    static const char *const shared[] = {
        "command_directory",  "daemon_directory", "meta_directory",    "shlib_directory",
        "mail_owner",         "setgid_group",     "sendmail_path",     "mailq_path",
        "newaliases_path",    "html_directory",   "manpage_directory", "readme_directory",
        "compatibility_level"};
    const struct conf_options options = {
        .program = "postmulti", .directory = directory, .texts_only = true};
    struct arena *arena = multi->command.arena;
    struct fail why;
    struct conf *made = conf_load(&options, &why);

    if (made == NULL)
        fatal("%s", why.text);
    for (size_t i = 0; i < COUNT(shared); i++) {
        const char *wanted = conf_text(multi->command.conf, shared[i], NULL);
        const char *there = conf_text(made, shared[i], NULL);

        if (wanted && (conf_is_set(multi->command.conf, shared[i]) || there == NULL ||
                       strcmp(wanted, there) != 0))
            texts_add(settings, arena, arena_printf(arena, "%s = %s", shared[i], wanted));
    }
    conf_free(made);
}

/* Nothing is received and nobody may submit before the administrator has said so. */
static void make_configuration(struct multi *multi, const struct places *places)
{
    struct arena *arena = multi->command.arena;
    struct texts settings = {0};
    struct fail why;

    if (file_make_directories(places->config, 0755, &why) < 0)
        fatal("%s", why.text);
    copy_prototype(multi, "master.cf", places->config);
    copy_prototype(multi, "main.cf", places->config);
    add_shared_places(multi, places->config, &settings);
    texts_add(&settings, arena,
              arena_printf(arena, "queue_directory = %s", places->queue));
    texts_add(&settings, arena, arena_printf(arena, "data_directory = %s", places->data));
    texts_add(&settings, arena, "multi_instance_enable = no");
    texts_add(&settings, arena, "master_service_disable = inet");
    texts_add(&settings, arena, "authorized_submit_users =");
    edit(multi, places->config, &settings);
}

static int add_instance(struct multi *multi, bool may_create)
{
    struct places places = places_given(multi);
    size_t position = new_position(multi);
    struct texts settings = {0}, words = {0};
    bool is_new;

    check_new_name(multi);
    check_absolute(&places);
    fill_places(multi, &places, false);
    is_new = !has_configuration(multi, places.config);
    if (is_new && !may_create)
        fatal("%s: no main.cf and master.cf to import", places.config);
    fill_places(multi, &places, is_new);
    check_places(multi, &places);
    if (is_new)
        make_configuration(multi, &places);
    add_names(multi, &settings);
    edit(multi, places.config, &settings);
    write_list(multi, position, places.config, NULL);
    if (is_new) {
        texts_add(&words, multi->command.arena, "-c");
        texts_add(&words, multi->command.arena, places.config);
        texts_add(&words, multi->command.arena, "set-permissions");
        run_here(multi, "postfix", &words);
    }
    return 0;
}

static int create(struct multi *multi)
{
    return add_instance(multi, true);
}

static int import(struct multi *multi)
{
    return add_instance(multi, false);
}

/* --- the others ------------------------------------------------------------------------
 */

static int init(struct multi *multi)
{
    struct texts settings = {0};

    texts_add(&settings, multi->command.arena, "multi_instance_enable = yes");
    texts_add(&settings, multi->command.arena,
              "multi_instance_wrapper = ${command_directory}/postmulti -p --");
    edit(multi, multi->command.conf->config_directory, &settings);
    return 0;
}

static int enable(struct multi *multi)
{
    edit_one(multi, instance_chosen(multi)->directory, "multi_instance_enable = yes");
    return 0;
}

static int disable(struct multi *multi)
{
    edit_one(multi, instance_chosen(multi)->directory, "multi_instance_enable = no");
    return 0;
}

static int assign(struct multi *multi)
{
    const struct instance *instance = instance_chosen(multi);
    struct texts settings = {0};

    if (!multi->new_name && !multi->new_group)
        fatal("Specify new instance name or group");
    add_names(multi, &settings);
    edit(multi, instance->directory, &settings);
    return 0;
}

static int deport(struct multi *multi)
{
    const struct instance *instance = instance_chosen(multi);

    if (instance->primary)
        fatal("Cannot deport the primary instance");
    write_list(multi, 0, NULL, instance->directory);
    return 0;
}

static int destroy(struct multi *multi)
{
    const struct instance *instance = instance_chosen(multi);
    struct arena *arena = multi->command.arena;
    const char *const argv[] = {
        arena_printf(arena, "%s/postfix", multi->command.conf->command_directory), "-c",
        instance->directory, "status", NULL};

    if (instance->primary)
        fatal("Cannot destroy the primary instance");
    if (instance->enabled)
        fatal("Cannot remove enabled instances");
    if (run_command(argv) == 0)
        fatal("Instance '%s' is not stopped", multi->instance);
    if (!instance_queue_is_empty(instance))
        fatal("Instance '%s' mail queue is not empty", multi->instance);
    instance_remove_files(instance);
    write_list(multi, 0, NULL, instance->directory);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(struct multi *multi);
    bool needs_instance;
} actions[] = {
    {"create", create, false}, {"destroy", destroy, true}, {"import", import, false},
    {"deport", deport, true},  {"enable", enable, true},   {"disable", disable, true},
    {"assign", assign, true},  {"init", init, false},
};

static void need_init(const struct multi *multi)
{
    if (!multi->managed)
        fatal("multi_instance_wrapper is empty, run 'postmulti -e init' first.");
    if (!multi->command.conf->multi_instance_enable)
        fatal("multi_instance_enable!=yes, run 'postmulti -e init' first.");
}

int lifecycle(struct multi *multi)
{
    for (size_t i = 0; i < COUNT(actions); i++) {
        if (strcmp(actions[i].name, multi->action) != 0)
            continue;
        if (actions[i].needs_instance && !multi->instance)
            fatal("Select an instance via '-i name'");
        if (actions[i].run == assign)
            check_new_name(multi);
        if (actions[i].run != init)
            need_init(multi);
        return actions[i].run(multi);
    }
    fatal("Invalid '-e' edit action '%s'. Specify 'create', 'destroy', 'import', "
          "'deport', 'enable', 'disable', 'assign' or 'init'",
          multi->action);
}
