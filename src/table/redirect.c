/*
 * hash: stands for default_database_type and btree: for default_cache_db_type, when
 * non_bdb_migration_level says so; a table of the administrator's own may decide
 * otherwise for a type or for one table.
 */
#include "table/redirect.h"

#include "ipc/client.h"
#include "ipc/messages.h"
#include "table/registry.h"
#include "util/log.h"

#include <ctype.h>
#include <string.h>

static bool is_wanted(const char *level)
{
    return str_is_nocase(str_of(level), "enable-redirect") ||
           str_is_nocase(str_of(level), "enable-reindex");
}

int redirect_check_mapping(const char *mapping, struct fail *why)
{
    const char *proxy = strstr(mapping, "proxy:");

    if (proxy == NULL || (proxy > mapping && isalnum((unsigned char)proxy[-1])))
        return 0;
    return fail_set(why,
                    "%s: proxymap asks this table itself, so it cannot be one behind "
                    "\"proxy:\"",
                    mapping);
}

/* A mapping that cannot be asked says nothing; then the table that is opened is one that
 * is not there, and gives errors. */
static const char *custom_type(struct tables *tables, const char *mapping,
                               const char *name, struct str type)
{
    struct arena *arena = tables_arena(tables);
    const struct str keys[] = {str_of(name), type};
    struct table *table;
    struct fail why;
    struct str value;

    if (redirect_check_mapping(mapping, &why) < 0) {
        log_warning("non_bdb_custom_mapping: %s", why.text);
        return NULL;
    }
    table = table_open(tables, mapping, 0);
    for (size_t i = 0; i < COUNT(keys); i++) {
        enum table_result result = table_lookup(table, keys[i], arena, &value, &why);

        if (result == TABLE_FOUND)
            return value.p;
        if (result == TABLE_ERROR) {
            log_warning("non_bdb_custom_mapping: %s", why.text);
            return NULL;
        }
    }
    return NULL;
}

/* Who examines a configuration has texts only, and no members. */
static const char *value(const struct conf *conf, const char *member, const char *name)
{
    const char *text = member ? member : conf_text(conf, name, NULL);

    return text ? text : "";
}
#define VALUE(name) value(conf, conf->name, #name)

const char *redirect_type(struct tables *tables, const struct conf *conf,
                          const char *name, struct str type)
{
    const char *mapping, *other = NULL;
    bool hash = str_is(type, "hash");

    if ((!hash && !str_is(type, "btree")) || !is_wanted(VALUE(non_bdb_migration_level)))
        return NULL;
    mapping = VALUE(non_bdb_custom_mapping);
    if (*mapping && strcmp(mapping, name) != 0)
        other = custom_type(tables, mapping, name, type);
    if (other)
        return other;
    return hash ? VALUE(default_database_type) : VALUE(default_cache_db_type);
}

const char *redirect_reindexer(const struct conf *conf)
{
    const char *level = VALUE(non_bdb_migration_level);

    return str_is_nocase(str_of(level), "enable-reindex")
               ? conf_expand(conf, "private/$non_bdb_migration_service_name", NULL)
               : NULL;
}

int redirect_make_index(const char *service, const char *name, struct fail *why)
{
    enum { TIMEOUT_MS = 60 * 1000 };
    struct ipc_client *client = ipc_client_new(service, "nbdb_reindexd", TIMEOUT_MS);
    const struct reindex request = {.name = name};
    struct arena *arena = arena_new("reindex");
    struct status_reply reply;
    const struct ipc_exchange exchange = {"reindex", &reindex_message, &request,
                                          &status_reply_message, &reply};
    int result;

    ipc_client_is_impatient(client);
    result = ipc_call(client, &exchange, arena, why);
    if (result == 0 && reply.status != 0)
        result = fail_set(why, "%s", reply.reason);
    arena_free(arena);
    ipc_client_free(client);
    return result;
}
