/*
 * The registry of open tables, and what is the same for all types: finding
 * the type, keeping a failed open as a table that gives errors, folding keys,
 * checking that text is UTF-8, and naming the table in failures.
 *
 * Tables live until the registry goes, so that lists may share them; a table
 * that is opened again in place (tables_refresh) keeps its struct.
 */
#include "table/table.h"

#include "conf/conf.h"
#include "ipc/client.h"
#include "table/file_value.h"
#include "table/fold.h"
#include "table/peer.h"
#include "table/redirect.h"
#include "table/registry.h"
#include "table/type.h"
#include "util/list.h"
#include "util/log.h"
#include "util/map.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct tables {
    struct arena *arena;
    struct tables_options options;
    struct list list; /* of struct table, in order of opening */
    struct map *by_name;
    struct texts warnings;
    const char *failure;
    int64_t refreshed_ms;        /* when tables_refresh_due last looked */
    struct ipc_client *proxymap; /* NULL until a proxied table is asked */
    struct map *peers;           /* servers of tables by endpoint */
    bool redirecting;            /* non_bdb_custom_mapping is being asked */
};

enum { DEFAULT_IPC_TIMEOUT_MS = 3600 * 1000, REFRESH_MS = 1000 };

struct tables *tables_new_with(const struct tables_options *options)
{
    struct arena *arena = arena_new("tables");
    struct tables *tables = ARENA_NEW(arena, struct tables);

    tables->arena = arena;
    tables->options = *options;
    tables->by_name = map_new();
    tables->peers = map_new();
    return tables;
}

/* At the end, for those who want to know what a table is worth (-v). */
static void tell_use(const struct table *table)
{
    if (table->asked > 0 && log_verbose())
        log_info("statistics: table %s: %lu lookups, %lu found, %lu errors", table->name,
                 table->asked, table->found, table->errors);
}

static void close_table(struct table *table)
{
    if (table->type && table->type->close)
        table->type->close(table);
    table->state = NULL;
    arena_free(table->arena);
    table->arena = NULL;
}

static void close_peer(void *peer)
{
    peer_close(peer);
}

void tables_free(struct tables *tables)
{
    if (!tables)
        return;
    for (size_t i = 0; i < tables->list.n; i++) {
        tell_use(tables->list.items[i]);
        close_table(tables->list.items[i]);
    }
    map_free(tables->by_name, NULL);
    map_free(tables->peers, close_peer);
    if (tables->proxymap)
        ipc_client_free(tables->proxymap);
    arena_free(tables->arena);
}

struct ipc_client *table_proxymap(const struct table *table)
{
    struct tables *tables = table->tables;
    const char *path = tables->options.proxymap;

    if (!tables->proxymap)
        tables->proxymap = ipc_client_new(path ? path : "private/proxymap", "proxymap",
                                          tables->options.ipc_timeout_ms > 0
                                              ? tables->options.ipc_timeout_ms
                                              : DEFAULT_IPC_TIMEOUT_MS);
    return tables->proxymap;
}

struct peer *table_peer(const struct table *table, const char *endpoint,
                        int64_t timeout_ms)
{
    struct tables *tables = table->tables;
    struct peer *peer = map_get(tables->peers, str_of(endpoint));

    if (!peer) {
        peer = peer_new(endpoint, timeout_ms, tables->arena);
        map_set(tables->peers, str_of(endpoint), peer);
    }
    return peer;
}

const struct tables_options *table_options(const struct table *table)
{
    return &table->tables->options;
}

void table_warn(struct table *table, const char *format, ...)
{
    char text[1000];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    texts_add(&table->tables->warnings, table->tables->arena,
              arena_copy(table->tables->arena, text));
}

void tables_each_warning(struct tables *tables,
                         void (*warn)(void *context, const char *text), void *context)
{
    for (size_t i = 0; i < tables->warnings.n; i++)
        warn(context, tables->warnings.items[i]);
    tables->warnings.n = 0;
}

const char *tables_open_failure(const struct tables *tables)
{
    return tables->failure;
}

/* Open what table names; the failure stays in the table. */
static void open_once(struct table *table)
{
    table->arena = arena_new("table");
    table->failed = table->path[0] == '\0' || table->name[0] == ':';
    if (table->failed) {
        fail_set(&table->failure,
                 "open dictionary: expecting \"type:name\" form instead of \"%s\"",
                 table->name);
        return;
    }
    if (!table->type) {
        table->type = table_type_find(
            &table->tables->options.places,
            str_from(table->name, (size_t)(table->path - table->name - 1)),
            &table->failure);
        if (table->type && table->traits == TABLE_FIXED)
            table->traits = table->type->traits; /* of one not known before */
    }
    table->failed = !table->type || table->type->open(table, &table->failure) < 0;
}

/* The same; an index that is missing only since another type took over may be made. */
static void open_table(struct table *table)
{
    const struct tables_options *options = &table->tables->options;
    const char *old = table->instead_of;
    struct fail why;
    int made;

    open_once(table);
    if (!table->failed || !old || !options->reindex)
        return;
    table->instead_of = NULL; /* once */
    made = redirect_make_index(options->reindex, old, &why);
    if (made < 0)
        table_warn(table, "%s: %s", old, why.text);
    if (made != 0)
        return;
    close_table(table);
    open_once(table);
}

/* The traits of a table by its name alone, looking through "proxy:", which may lead to
 * a type that only proxymap loads. */
static unsigned traits_of(struct str name)
{
    unsigned as_is = 0;

    while (str_starts(name, "proxy:")) {
        name = str_tail(name, strlen("proxy:"));
        as_is = TABLE_AS_IS | TABLE_ANY_VALUE;
    }
    return table_type_traits(str_head(name, str_find(name, ':'))) | as_is;
}

const char *tables_redirect(struct tables *tables, const char *name)
{
    const struct conf *conf = tables->options.conf;
    struct str text = str_of(name);
    struct str type = str_head(text, str_find(text, ':'));
    const char *other;

    /* what the mapping itself is made of is taken as it is */
    if (!conf || type.n == text.n || tables->redirecting)
        return name;
    tables->redirecting = true;
    other = redirect_type(tables, conf, name, type);
    tables->redirecting = false;
    if (!other || str_is(type, other))
        return name;
    other = arena_printf(tables->arena, "%s:%s", other, name + type.n + 1);
    if (conf->non_bdb_migration_log_redirect) /* not set where conf has texts only */
        log_info("redirecting %s to %s", name, other);
    return other;
}

/* Find the type and the path within name; proxy: is looked through when asked to. */
static void take_name(struct table *table, const char *name)
{
    struct tables *tables = table->tables;
    struct str text = str_of(name);
    const char *default_type = tables->options.default_type;
    size_t colon;

    if ((table->flags & TABLE_DIRECT) && str_starts(text, "proxy:"))
        text = str_tail(text, strlen("proxy:"));
    colon = str_find(text, ':');
    if (colon == text.n)
        table->name = arena_printf(tables->arena, "%s:%.*s",
                                   default_type ? default_type : "hash", STR_ARG(text));
    else
        table->name = arena_copy_str(tables->arena, text);
    name = table->name;
    table->name = tables_redirect(tables, table->name);
    if (table->name != name)
        table->instead_of = name;
    colon = str_find(str_of(table->name), ':');
    table->path = table->name + colon + 1;
    table->traits = traits_of(str_of(table->name));
}

static struct table *open_new(struct tables *tables, const char *name, unsigned flags)
{
    struct table *table = ARENA_NEW(tables->arena, struct table);

    table->tables = tables;
    table->flags = flags;
    take_name(table, name);
    open_table(table);
    if (table->failed && !tables->failure)
        tables->failure =
            arena_printf(tables->arena, "%s: %s", table->name, table->failure.text);
    list_add(&tables->list, tables->arena, table);
    return table;
}

struct table *table_open(struct tables *tables, const char *name, unsigned flags)
{
    struct table *table;
    char *id;

    if (asprintf(&id, "%u %s", flags, name) < 0)
        panic("out of memory: table %s", name);
    table = map_get(tables->by_name, str_of(id));
    if (!table) {
        table = open_new(tables, name, flags);
        map_set(tables->by_name, str_of(id), table);
    }
    free(id);
    return table;
}

const char *table_name(const struct table *table)
{
    return table->name;
}

const char *table_failure(const struct table *table)
{
    return table->failed ? table->failure.text : NULL;
}

bool table_is_fixed(const struct table *table)
{
    return table->traits & TABLE_FIXED;
}

static bool wants_utf8(const struct table *table)
{
    return table->tables->options.smtputf8 && !(table->flags & TABLE_NO_UTF8);
}

static bool wants_fold(const struct table *table)
{
    return (table->traits & (TABLE_FIXED | TABLE_AS_IS)) == TABLE_FIXED &&
           !(table->flags & TABLE_NO_FOLD);
}

enum table_result table_answer(struct arena *arena, struct str value,
                               struct str *ret_value)
{
    if (ret_value)
        *ret_value = str_from(arena_copy_str(arena, value), value.n);
    return TABLE_FOUND;
}

int table_content(const struct table *table, struct str key, struct arena *arena,
                  struct str *value, struct fail *why)
{
    int status = (table->traits & TABLE_INDEXED)
                     ? file_value_decode(*value, arena, value, why)
                     : file_value_read(*value, arena, value, why);

    return status == 0
               ? 0
               : fail_prefix(why, "table %s: key %.*s", table->name, STR_ARG(key));
}

static enum table_result lookup(struct table *table, struct str key, struct arena *arena,
                                struct str *ret_value, struct fail *why)
{
    struct str value = STR_NONE, folded = key;
    enum table_result result;

    if (table->failed)
        return fail_set(why, "%s is unavailable. %s", table->name, table->failure.text);
    if (str_find(key, '\0') < key.n || (wants_utf8(table) && !fold_is_utf8(key)))
        return TABLE_NOT_FOUND;
    if (wants_fold(table))
        folded = fold(arena, key, wants_utf8(table));
    result = table->type->lookup(table, folded, arena, &value, why);
    if (result == TABLE_ERROR)
        return fail_prefix(why, "table %s", table->name);
    if (result == TABLE_FOUND && wants_utf8(table) &&
        !(table->traits & TABLE_ANY_VALUE) && !fold_is_utf8(value))
        return fail_set(why, "table %s: key \"%.*s\": the value is not UTF-8",
                        table->name, STR_ARG(key));
    if (result == TABLE_FOUND && (table->flags & TABLE_FILES) &&
        table_content(table, key, arena, &value, why) < 0)
        return TABLE_ERROR;
    if (result == TABLE_FOUND && ret_value)
        *ret_value = value;
    return result;
}

enum table_result table_lookup(struct table *table, struct str key, struct arena *arena,
                               struct str *ret_value, struct fail *why)
{
    enum table_result result = lookup(table, key, arena, ret_value, why);

    table->asked++;
    table->found += result == TABLE_FOUND;
    table->errors += result == TABLE_ERROR;
    return result;
}

enum table_result table_next(struct table *table, bool first, struct str *ret_key,
                             struct str *ret_value, struct fail *why)
{
    enum table_result result;

    if (table->failed)
        return fail_set(why, "%s", table->failure.text);
    if (!table->type->next)
        return fail_set(why, "table %s: sequence operation is not supported",
                        table->name);
    result = table->type->next(table, first, ret_key, ret_value, why);
    if (result == TABLE_ERROR)
        return fail_prefix(why, "table %s", table->name);
    return result;
}

uid_t table_owner(const struct table *table)
{
    return table->owner;
}

bool tables_changed(struct tables *tables, const char **ret_name)
{
    for (size_t i = 0; i < tables->list.n; i++) {
        struct table *table = tables->list.items[i];

        if (table->failed || !table->type->changed || !table->type->changed(table))
            continue;
        if (ret_name)
            *ret_name = table->name;
        return true;
    }
    return false;
}

/* Open the table a second time; on success the new one takes the old one's place. From
 * within a jail no plug-in is seen, and why its type could not be loaded was said before.
 */
static bool refresh(struct table *table)
{
    struct table again = *table;

    again.state = NULL;
    open_table(&again);
    if (again.failed && (!table->failed || !again.type)) {
        close_table(&again);
        return false;
    }
    close_table(table);
    *table = again;
    return true;
}

bool tables_refresh(struct tables *tables)
{
    bool all = true;

    for (size_t i = 0; i < tables->list.n; i++) {
        struct table *table = tables->list.items[i];

        if ((table->failed || (table->type->changed && table->type->changed(table))) &&
            !refresh(table))
            all = false;
    }
    return all;
}

const char *tables_outdated(struct tables *tables)
{
    const char *name = NULL;

    return !tables_refresh(tables) && tables_changed(tables, &name) ? name : NULL;
}

void tables_refresh_due(struct tables *tables, int64_t now_ms)
{
    if (now_ms - tables->refreshed_ms < REFRESH_MS)
        return;
    tables->refreshed_ms = now_ms;
    (void)tables_refresh(tables);
}

struct arena *tables_arena(const struct tables *tables)
{
    return tables->arena;
}
