/*
 * postmap and postalias: one action on each of the tables named. Tables are
 * opened when their turn comes, so that one that is missing is no matter as long as an
 * earlier one answers.
 */
#include "commands/maptool.h"

#include "commands/json.h"
#include "table/table.h"
#include "util/ids.h"
#include "util/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- options --------------------------------------------------------------------------
 */

static void choose(struct maptool *tool, enum maptool_action action, const char *key)
{
    if (tool->action == MAPTOOL_QUERY || tool->action == MAPTOOL_DELETE ||
        tool->action == MAPTOOL_LIST)
        fatal("specify only one of -s -q or -d");
    tool->action = action;
    tool->key = key;
}

static void take_flag(struct maptool *tool, int letter, const char *usage)
{
    switch (letter) {
    case 'b':
        tool->parts |= MAPTOOL_BODY;
        break;
    case 'f':
        tool->index.no_fold = true;
        break;
    case 'F':
        tool->index.files = true;
        break;
    case 'h':
        tool->parts |= MAPTOOL_HEADER;
        break;
    case 'i':
        tool->action = tool->action == MAPTOOL_BUILD ? MAPTOOL_ADD : tool->action;
        break;
    case 'j':
        tool->json = true;
        break;
    case 'm':
        tool->parts |= MAPTOOL_MIME;
        break;
    case 'n':
        tool->index.with_nul = 0;
        break;
    case 'N':
        tool->index.with_nul = 1;
        break;
    case 'o':
        tool->index.keep_rights = true;
        break;
    case 'p':
        tool->index.plain_mode = true;
        break;
    case 'r':
        tool->index.duplicate = INDEX_DUPLICATE_REPLACE;
        break;
    case 'u':
        tool->utf8 = 0;
        break;
    case 'U':
        tool->utf8 = 1;
        break;
    case 'v':
        tool->command.verbose++;
        break;
    case 'w':
        tool->index.duplicate = INDEX_DUPLICATE_QUIET;
        break;
    default:
        fatal("%s", usage);
    }
}

static void check_parts(struct maptool *tool)
{
    if (tool->parts == 0)
        return;
    if (tool->action != MAPTOOL_QUERY || strcmp(tool->key, "-") != 0)
        fatal("specify -b -h or -m only with \"-q -\"");
    if (tool->parts == MAPTOOL_MIME) {
        log_warning("ignoring -m option without -b or -h");
        tool->parts = 0;
    }
}

void maptool_parse(struct maptool *tool, int argc, char **argv, const char *letters,
                   const char *usage)
{
    int letter;

    tool->index.with_nul = -1;
    tool->utf8 = -1;
    while ((letter = getopt(argc, argv, letters)) != -1)
        switch (letter) {
        case 'c':
            tool->command.directory = optarg;
            break;
        case 'd':
            choose(tool, MAPTOOL_DELETE, optarg);
            break;
        case 'q':
            choose(tool, MAPTOOL_QUERY, optarg);
            break;
        case 's':
            choose(tool, MAPTOOL_LIST, NULL);
            break;
        default:
            take_flag(tool, letter, usage);
        }
    check_parts(tool);
    if (tool->json && tool->action != MAPTOOL_QUERY && tool->action != MAPTOOL_LIST)
        fatal("specify -j only with -q or -s");
    if (optind == argc)
        fatal("%s", usage);
    tool->names = (const char *const *)argv + optind;
    tool->n_names = (size_t)(argc - optind);
}

/* --- output ---------------------------------------------------------------------------
 */

static void put_entry(const struct maptool *tool, struct str key, struct str value)
{
    if (tool->json) {
        json_put_pair(stdout, key, value);
        return;
    }
    printf("%.*s%s\t%.*s\n", STR_ARG(key), tool->index.syntax == INDEX_ALIASES ? ":" : "",
           STR_ARG(value));
}

static void put_value(const struct maptool *tool, struct str key, struct str value)
{
    if (tool->json)
        put_entry(tool, key, value);
    else
        printf("%.*s\n", STR_ARG(value));
}

/* --- reading tables --------------------------------------------------------------------
 */

static void warn(void *context, const char *text)
{
    (void)context;
    log_warning("%s", text);
}

static struct table *open_table(struct maptool *tool, const char *name)
{
    unsigned flags = (tool->index.no_fold ? TABLE_NO_FOLD : 0U) |
                     (tool->index.files ? TABLE_FILES : 0U) |
                     (tool->parts ? TABLE_NO_UTF8 : 0U);
    struct table *table = table_open(tool->tables, name, flags);

    tables_each_warning(tool->tables, warn, NULL);
    if (table_failure(table))
        fatal("%s", table_failure(table));
    return table;
}

/* The library's words begin with the table's name, which stands elsewhere here. */
static NO_RETURN void query_failed(const struct table *table, const struct fail *why)
{
    const char *words = why->text;
    struct str prefix = STR("table ");
    size_t n = strlen(table_name(table));

    if (strncmp(words, prefix.p, prefix.n) == 0 &&
        strncmp(words + prefix.n, table_name(table), n) == 0 &&
        strncmp(words + prefix.n + n, ": ", 2) == 0)
        words += prefix.n + n + 2;
    fatal("table %s: query error: %s", table_name(table), words);
}

/* Where mail asks, such a result is an error in many places. */
static void warn_of_empty(const struct table *table, struct str key)
{
    log_warning("table %s: key %.*s: empty string result is not allowed",
                table_name(table), STR_ARG(key));
    log_warning("table %s should return NO RESULT in case of NOT FOUND",
                table_name(table));
}

bool maptool_ask(struct maptool *tool, struct str key, bool echo_key)
{
    struct str value;
    struct fail why;

    for (size_t i = 0; i < tool->n_names; i++) {
        enum table_result result;
        struct table *table;

        if (!tool->opened[i])
            tool->opened[i] = open_table(tool, tool->names[i]);
        table = tool->opened[i];
        result = table_lookup(table, key, tool->arena, &value, &why);
        if (result == TABLE_ERROR)
            query_failed(table, &why);
        if (result == TABLE_NOT_FOUND)
            continue;
        if (value.n == 0)
            warn_of_empty(table, key);
        (echo_key ? put_entry : put_value)(tool, key, value);
        arena_reset(tool->arena);
        return true;
    }
    arena_reset(tool->arena);
    return false;
}

/* Call action for each line of standard input; true when one of them said so. */
static bool each_line(struct maptool *tool,
                      bool (*action)(struct maptool *tool, struct str line))
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    bool any = false;

    while ((n = getline(&line, &size, stdin)) >= 0) {
        if (n > 0 && line[n - 1] == '\n')
            n--;
        if (n > 0)
            any |= action(tool, str_from(line, (size_t)n));
    }
    free(line);
    return any;
}

static bool ask_line(struct maptool *tool, struct str line)
{
    return maptool_ask(tool, line, true);
}

static bool query(struct maptool *tool)
{
    if (tool->parts)
        return maptool_ask_message(tool);
    if (strcmp(tool->key, "-") == 0)
        return each_line(tool, ask_line);
    return maptool_ask(tool, str_of(tool->key), false);
}

static void list_entry(struct maptool *tool, const struct table *table, struct str key,
                       struct str value)
{
    struct fail why;

    if (tool->index.files && table_content(table, key, tool->arena, &value, &why) < 0) {
        log_warning("%s", why.text);
        return;
    }
    put_entry(tool, key, value);
    arena_reset(tool->arena);
}

static void list(struct maptool *tool, const char *name)
{
    struct table *table = open_table(tool, name);
    struct str key, value;
    struct fail why;
    enum table_result result;

    for (bool first = true;
         (result = table_next(table, first, &key, &value, &why)) == TABLE_FOUND;
         first = false)
        list_entry(tool, table, key, value);
    if (result == TABLE_ERROR)
        fatal("%s", why.text);
}

/* --- changing tables
 * -------------------------------------------------------------------- */

static bool delete_from(struct maptool *tool, const char *name, struct str key)
{
    const char *path = strchr(name, ':') ? strchr(name, ':') + 1 : name;
    struct table_writer_options options = {
        .places = tool->index.places,
        .conf = tool->command.conf,
        .mode = TABLE_CHANGE,
        .with_nul = tool->index.with_nul,
        .no_fold = tool->index.no_fold,
        .smtputf8 = tool->index.smtputf8,
        .must_exist = true,
        .proxywrite = arena_printf(tool->command.arena, "%s/private/%s",
                                   tool->command.conf->queue_directory,
                                   tool->command.conf->proxywrite_service_name),
    };
    struct table_writer *writer;
    struct fail why;
    int became = tool->index.keep_rights ? 0 : index_become_owner(path, &why), deleted;

    if (became < 0 || table_writer_open(name, &options, &writer, &why) < 0)
        fatal("%s", why.text);
    deleted = table_writer_delete(writer, key, &why);
    if (deleted < 0) {
        table_writer_abort(writer);
        fatal("table %s: delete error: %s", name, why.text);
    }
    if (table_writer_finish(writer, &why) < 0 || (became > 0 && ids_restore(&why) < 0))
        fatal("%s", why.text);
    return deleted > 0;
}

static bool delete_key(struct maptool *tool, struct str key)
{
    bool any = false;

    for (size_t i = 0; i < tool->n_names; i++)
        any |= delete_from(tool, tool->names[i], key);
    return any;
}

static void build(struct maptool *tool, const char *name)
{
    struct fail why;

    if ((tool->action == MAPTOOL_ADD ? index_add : index_build)(name, &tool->index,
                                                                &why) < 0)
        fatal("%s", why.text);
}

/* --- all
 * -------------------------------------------------------------------------------- */

/* Names without a type get the default one. */
static void complete_names(struct maptool *tool, size_t n)
{
    struct arena *arena = tool->command.arena;
    const char **names = arena_array(arena, n + 1, sizeof(*names));

    for (size_t i = 0; i < n; i++)
        names[i] = tables_redirect(
            tool->tables,
            strchr(tool->names[i], ':')
                ? tool->names[i]
                : arena_printf(arena, "%s:%s", tool->command.conf->default_database_type,
                               tool->names[i]));
    tool->names = names;
}

static void prepare(struct maptool *tool)
{
    const struct conf *conf = tool->command.conf;
    struct tables_options options = tables_options_of(conf);

    if (tool->utf8 >= 0)
        options.smtputf8 = tool->utf8 > 0;
    options.proxymap = arena_printf(tool->command.arena, "%s/private/%s",
                                    conf->queue_directory, conf->proxymap_service_name);
    tool->arena = arena_new("lookup");
    tool->tables = tables_new_with(&options);
    tool->index.places = options.places;
    tool->index.smtputf8 = options.smtputf8;
    tool->index.cache = (size_t)conf->berkeley_db_create_buffer_size;
    tool->index.lmdb_map_size = (size_t)conf->lmdb_map_size;
    tool->index.warn = warn;
    complete_names(tool, tool->n_names);
    tool->opened = arena_array(tool->command.arena, tool->n_names, sizeof(*tool->opened));
}

int maptool_run(struct maptool *tool)
{
    bool success = true;

    prepare(tool);
    if (tool->action == MAPTOOL_QUERY)
        success = query(tool);
    else if (tool->action == MAPTOOL_DELETE)
        success = strcmp(tool->key, "-") == 0 ? each_line(tool, delete_key)
                                              : delete_key(tool, str_of(tool->key));
    else
        for (size_t i = 0; i < tool->n_names; i++)
            (tool->action == MAPTOOL_LIST ? list : build)(tool, tool->names[i]);
    tables_free(tool->tables);
    arena_free(tool->arena);
    if (!command_output_is_whole())
        fatal("write to standard output: %m");
    return success ? 0 : 1;
}
