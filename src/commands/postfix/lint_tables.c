/*
 * Tables: each that a parameter names is opened, as the daemons will open it, and what
 * stands in the one that chooses transports is looked at.
 */
#include "commands/postfix/lint.h"

#include "conf/state.h"
#include "mail/transport.h"
#include "table/redirect.h"
#include "table/words.h"
#include "util/file.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Tables that daemons make themselves, or that only commands read. */
static bool is_made_on_demand(const char *param)
{
    static const char *const params[] = {"address_verify_map", "alias_database",
                                         "postscreen_cache_map", "non_bdb_custom_mapping",
                                         NULL};

    for (size_t i = 0; params[i]; i++)
        if (strcmp(param, params[i]) == 0)
            return true;
    return strstr(param, "_cache_database") || strstr(param, "_cache_name");
}

static bool is_type(const struct lint *lint, struct str type, const char **ret_hint)
{
    struct table_places places = table_places_of(lint->conf);
    struct nearest nearest = nearest_to(type);
    struct texts names = {0};

    table_type_names(&places, lint->arena, &names);
    for (size_t i = 0; i < names.n; i++) {
        if (str_is(type, names.items[i]))
            return true;
        nearest_try(&nearest, names.items[i]);
    }
    *ret_hint = nearest_words(&nearest, lint->arena);
    return false;
}

/* A type that a site may have as a plug-in, although it is not there now. */
static bool is_plug_in(struct str type)
{
    static const char *const names[] = {
        "ldap", "mysql", "pgsql", "sqlite",  "mongodb", "lmdb",    "cdb",
        "sdbm", "dbm",   "nis",   "nisplus", "netinfo", "memcache"};

    for (size_t i = 0; i < COUNT(names); i++)
        if (str_is(type, names[i]))
            return true;
    return false;
}

/* "hash:/etc/x" without its index: say how to make it. */
static const char *advice(const struct lint *lint, struct str type, const char *path)
{
    struct stat st;

    if ((str_is(type, "hash") || str_is(type, "btree") || str_is(type, "lmdb") ||
         str_is(type, "cdb")) &&
        stat(path, &st) == 0)
        return arena_printf(lint->arena, "; make its index: %s %.*s:%s",
                            strstr(path, "alias") ? "postalias" : "postmap",
                            STR_ARG(type), path);
    return "";
}

static void warn_of_rules(void *context, const char *text)
{
    const struct lint *lint = context;

    /* The same rule is told once a run, whoever names the table. */
    lint_warn((struct lint *)lint, (struct span){0}, "%s", text);
}

void lint_table(const struct scope *scope, const char *name, struct str word)
{
    struct lint *lint = scope->lint;
    struct str table = str_starts(word, "proxy:") ? str_tail(word, 6) : word;
    struct str rest = table, type = str_until(&rest, ':');
    struct span at = scope_word(scope, name, word, 0);
    const char *hint = "", *path = arena_copy_str(lint->arena, rest);
    struct table *opened;

    if (!is_type(lint, type, &hint)) {
        if (!is_plug_in(type))
            lint_error(lint, at, "%s: unknown table type \"%.*s\"%s", name, STR_ARG(type),
                       hint);
        return;
    }
    if (str_is(type, "socketmap") || str_is(type, "tcp"))
        return;
    opened = table_open(lint->tables, arena_copy_str(lint->arena, table), 0);
    if (table_failure(opened))
        lint_error(lint, at, "%s: %s%s", name, table_failure(opened),
                   advice(lint, type, path));
}

/* --- lists of tables ------------------------------------------------------------------
 */

static void check_tables(const struct scope *scope, const char *name, bool only)
{
    struct str rest = str_of(scope_text(scope, name)), word;

    while ((word = table_word(&rest)).n > 0) {
        struct str item = word.p[0] == '!' ? str_tail(word, 1) : word;

        if (item.n && item.p[0] != '/' && item.p[0] != '[' &&
            str_find(item, ':') < item.n)
            lint_table(scope, name, item);
        else if (only && item.n && item.p[0] != '/' && str_find(item, '=') == item.n)
            lint_error(scope->lint, scope_word(scope, name, word, 0),
                       "%s: \"%.*s\" is no table, type:name", name, STR_ARG(item));
    }
}

/* --- transport tables
 * -------------------------------------------------------------------
 */

/* Where the key stands in the source of the table, else in main.cf. */
static struct span place_of_key(const struct scope *scope, const char *param,
                                struct str table, struct str key, struct source *source)
{
    struct span span = scope_word(scope, param, table, 0), found;
    struct fail why;

    source->path =
        arena_copy_str(scope->lint->arena, str_tail(table, str_find(table, ':') + 1));
    if (*source->path != '/' ||
        file_read(source->path, 1 << 24, scope->lint->arena, &source->text, &why) < 0)
        return span;
    for (int nth = 0;; nth++) {
        struct span whole = {source, 0, source->text.n};

        found = span_word(whole, key, nth);
        if (found.end == whole.end && found.start == 0)
            return span;
        if (found.start == 0 || source->text.p[found.start - 1] == '\n')
            return found;
    }
}

static void check_transport_table(const struct scope *scope, const char *param,
                                  struct str name)
{
    struct lint *lint = scope->lint;
    struct table *table = table_open(lint->tables, arena_copy_str(lint->arena, name), 0);
    struct str key, value;
    struct fail why;

    if (table_failure(table))
        return;
    for (bool first = true; table_next(table, first, &key, &value, &why) == TABLE_FOUND;
         first = false) {
        struct transport_route route = transport_split(value);
        struct source *source = ARENA_NEW(lint->arena, struct source);

        if (key.n && key.p[key.n - 1] == '\0')
            key.n--;
        if (route.transport.n)
            map_set(lint->routed, route.transport, lint);
        if (route.transport.n && !lint_service(lint, route.transport))
            lint_no_service(scope, param, place_of_key(scope, param, name, key, source),
                            route.transport);
    }
}

static void check_transports(const struct scope *scope, const char *param)
{
    struct str rest = str_of(scope_text(scope, param)), word;

    while (scope_sets(scope, param) && (word = table_word(&rest)).n > 0)
        if (str_starts(word, "hash:") || str_starts(word, "btree:") ||
            str_starts(word, "texthash:") || str_starts(word, "inline:"))
            check_transport_table(scope, param, word);
}

static void check_mapping(const struct scope *scope)
{
    const char *const name = "non_bdb_custom_mapping";
    struct fail why;

    if (scope_sets(scope, name) &&
        redirect_check_mapping(scope_text(scope, name), &why) < 0)
        lint_error(scope->lint, scope_span(scope, name), "%s: %s", name, why.text);
}

void lint_tables(const struct scope *scope)
{
    const struct conf_state *state = scope->conf->state;
    const struct settings *settings = scope->entry ? &state->options : &state->file;

    for (size_t i = 0; i < settings->n; i++) {
        const char *name = settings->items[i].name;
        struct param param;

        if (!param_find(str_of(name), &param) || is_made_on_demand(name) ||
            (param.flags & PARAM_READONLY) || strcmp(name, "proxy_read_maps") == 0 ||
            strcmp(name, "proxy_write_maps") == 0)
            continue;
        if (param.type == PARAM_TABLE || param.type == PARAM_TABLES ||
            param.type == PARAM_MATCHLIST)
            check_tables(scope, name, param.type != PARAM_MATCHLIST);
    }
    check_mapping(scope);
    check_transports(scope, "transport_maps");
    check_transports(scope, "sender_dependent_default_transport_maps");
    tables_each_warning(scope->lint->tables, warn_of_rules, scope->lint);
}
